/*
 * The race detector against the definition: random programs are run step by step with vector clocks
 * and block identities kept beside them, every pair of accesses is compared with every other, and
 * the racy pairs of sites must be the detector's findings, no more and no less.
 *
 * The programs lock nothing in particular: a task releases into an object or acquires from one at
 * random, allocates, frees and accesses memory that it may know of (the allocation is before the
 * access), whether others use it or not.
 *
 * The same programs once more, read while they are written: rounds of a digest between their steps,
 * with edges retired and disk space given back as early as can be, must find the same pairs. And once more with tasks that
 * sleep and are left out meanwhile (cut.h): no other pair, and all of them unless the digest says that one went on otherwise
 * than by being woken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/analysis.h"
#include "analyzer/digest.h"
#include "analyzer/order.h"
#include "analyzer/trace_make.h"

#define TASKS   5u /* tasks 1..5; main makes the others at once */
#define OBJECTS 3u
#define LINES   3u /* of global memory */
#define PLACES  3u /* of the heap, 128 bytes each */
#define WIDE \
    40u /* lines of global memory, and more of the heap behind them, if accesses are wide */
#define EVENTS 160u
#define PAIRS  4096u
#define GLOBAL UINT64_C(0x10000)
#define HEAP   UINT64_C(0x20000)
#define BEHIND UINT64_C(0x30000) /* where the large block is */

struct event { /* an access, or the end of a block */
    uint64_t address;
    uint32_t size, task, pc, kind, block;
    uint64_t segment;
    uint64_t clock[TASKS + 1];
    bool is_free;
};

struct block {
    uint64_t address;
    uint32_t size, task;
    uint64_t segment;
};

struct pair {
    uint32_t low, high;
    const char *rule;
};

struct world {
    uint64_t seed;
    struct digest *digest; /* follows the trace; NULL: it is read when it is complete */
    bool follow;
    bool sleepy; /* tasks sleep now and then, and seldom go on without having acquired something */
    bool asleep[TASKS + 1];
    uint64_t woken; /* as the digest counts them */
    bool packed;    /* blocks are small and lie side by side in a line or two */
    bool wide;      /* runs and ranges of many lines, and a block of more than a page */
    struct trace_make *make;
    uint64_t segment[TASKS + 1], written[TASKS + 1]; /* present, and as the stream has it */
    uint64_t clock[TASKS + 1][TASKS + 1];
    uint64_t object[OBJECTS][TASKS + 1], object_segment[OBJECTS];
    uint32_t object_task[OBJECTS];
    struct block blocks[EVENTS];
    uint32_t block_count, alive[PLACES]; /* block at a place, 0 none */
    struct event events[EVENTS];
    uint32_t event_count;
    struct pair expected[PAIRS], found[PAIRS];
    uint32_t expected_count, found_count;
};

static uint32_t pick(struct world *world, uint32_t limit)
{
    world->seed ^= world->seed << 13;
    world->seed ^= world->seed >> 7;
    world->seed ^= world->seed << 17;
    return (uint32_t)(world->seed >> 20) % limit;
}

static bool knows(const struct world *world, uint32_t task, uint32_t other, uint64_t segment)
{
    return task == other || world->clock[task][other] >= segment;
}

/* ---- steps ---- */

static void release(struct world *world, uint32_t task, uint32_t object)
{
    memcpy(world->object[object], world->clock[task], sizeof(world->object[object]));
    world->object[object][task] = world->segment[task];
    world->object_task[object] = task;
    world->object_segment[object] = world->segment[task];
    world->segment[task]++;
}

static void acquire(struct world *world, uint32_t task, uint32_t object)
{
    uint32_t from = world->object_task[object];
    if (from == 0 || knows(world, task, from, world->object_segment[object]))
        return;
    world->segment[task]++;
    make_edge(world->make, task - 1, world->segment[task], from, world->object_segment[object],
              object + 2);
    for (uint32_t t = 1; t <= TASKS; t++)
        if (world->clock[task][t] < world->object[object][t])
            world->clock[task][t] = world->object[object][t];
}

/* What the recorder does before a data record. */
static void settle(struct world *world, uint32_t task)
{
    if (world->written[task] != world->segment[task])
        make_segment(world->make, task - 1, world->segment[task]);
    world->written[task] = world->segment[task];
}

static struct event *note(struct world *world, uint32_t task, uint64_t address, uint32_t size,
                          uint32_t pc, uint32_t kind, uint32_t block)
{
    struct event *event = &world->events[world->event_count++];
    *event = (struct event){.address = address,
                            .size = size,
                            .task = task,
                            .pc = pc,
                            .kind = kind,
                            .block = block,
                            .segment = world->segment[task]};
    memcpy(event->clock, world->clock[task], sizeof(event->clock));
    return event;
}

/* A run of whole lines, up or down, or a range. */
static void access_wide(struct world *world, uint32_t task)
{
    uint32_t number = world->alive[0],
             kind = 3u << 4 | (pick(world, 3) == 0 ? TRACE_KIND_WRITE : 0);
    const struct block *block = &world->blocks[number];
    uint64_t low = GLOBAL, high = GLOBAL + WIDE * 64;
    bool heap = number && pick(world, 2);
    if (heap && !knows(world, task, block->task, block->segment))
        return;
    if (heap) {
        low = block->address;
        high = low + block->size;
    }
    uint64_t unit = pick(world, 3) ? 64 : 8, first = (low + unit - 1) / unit, last = high / unit;
    first += pick(world, (uint32_t)(last - first) / 2);
    last -= pick(world, (uint32_t)(last - first));
    uint32_t pc = (heap ? 0x50000 : 0x40000) + 0x100 * pick(world, 4) + kind;
    struct trace_access record = {.type = unit == 8 ? TRACE_ACCESS_RANGE : TRACE_ACCESS_LINE,
                                  .address = first * unit,
                                  .size = (last - first) * unit,
                                  .mask = ~UINT64_C(0),
                                  .kind = kind,
                                  .pc = pc,
                                  .context = world->make->access_codec[task - 1].context};
    if (unit == 64) {
        record.run = last - first - 1;
        record.stride = pick(world, 2) ? 1 : -1;
        record.address = record.stride > 0 ? first * 64 : (last - 1) * 64;
    }
    settle(world, task);
    make_access(world->make, task - 1, &record);
    note(world, task, first * unit, (uint32_t)((last - first) * unit), pc, kind, heap ? number : 0);
}

static void access_memory(struct world *world, uint32_t task)
{
    uint32_t log = pick(world, 4), size = 1u << log, block = 0;
    uint64_t address = GLOBAL + pick(world, world->wide ? WIDE : LINES) * 64;
    uint32_t limit = 64, place = pick(world, PLACES);
    if (pick(world, 2)) {
        block = world->alive[place];
        if (!block || !knows(world, task, world->blocks[block].task, world->blocks[block].segment))
            return;
        address = world->blocks[block].address;
        limit = world->blocks[block].size;
    }
    if (limit < size)
        return;
    address += pick(world, limit / size) * size;
    uint32_t kind = log << 4 | (pick(world, 3) == 0 ? TRACE_KIND_WRITE : 0) |
                    (pick(world, 4) == 0 ? TRACE_KIND_ATOMIC : 0);
    /* One site has one kind, and is for the heap or is not. */
    uint32_t pc = (block ? 0x11000 : 0x1000) + 0x100 * pick(world, 6) + kind;
    settle(world, task);
    make_line(world->make, task - 1, kind, pc, address / 64 * 64,
              ((UINT64_C(1) << size) - 1) << (address % 64));
    note(world, task, address, size, pc, kind, block);
}

static void allocate(struct world *world, uint32_t task, uint32_t place)
{
    if (world->alive[place])
        return;
    uint32_t number = ++world->block_count;
    uint32_t stride = world->packed ? 32 : 128, sizes = world->packed ? 3 : 8;
    uint32_t offset = world->packed ? 16 : pick(world, 3) * 16;
    world->blocks[number] = (struct block){.address = HEAP + place * stride + offset,
                                           .size = 16 + 8 * pick(world, sizes),
                                           .task = task,
                                           .segment = world->segment[task]};
    if (world->wide && place == 0) {
        world->blocks[number].address = BEHIND + offset;
        world->blocks[number].size = 4160 + 8 * pick(world, 60);
    }
    world->alive[place] = number;
    settle(world, task);
    make_block(world->make, task - 1, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP,
               world->blocks[number].address, world->blocks[number].size,
               1000 + world->event_count * 10 + number);
}

static void deallocate(struct world *world, uint32_t task, uint32_t place)
{
    uint32_t number = world->alive[place];
    const struct block *block = &world->blocks[number];
    if (!number || !knows(world, task, block->task, block->segment))
        return;
    settle(world, task);
    make_block(world->make, task - 1, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, block->address,
               block->size, 1001 + world->event_count * 10 + world->block_count);
    note(world, task, block->address, block->size, 0x2000, TRACE_KIND_WRITE, number)->is_free =
        true;
    world->alive[place] = 0;
}

/* The trace as it would be now, and a look at it. */
static void grow(struct world *world)
{
    static struct digest_options options = {.from = 256, .keep = false};
    for (uint32_t t = 1; t <= TASKS; t++) {
        world->make->tasks[t].segment = world->segment[t];
        world->make->tasks[t].state = world->asleep[t] ? TRACE_TASK_BLOCKED : TRACE_TASK_RUNNING;
        world->make->tasks[t].object = 2;
        if (world->written[t] == world->segment[t] && pick(world, 2)) /* to fill chunks */
            for (uint32_t i = 0; i < 300; i++)
                make_line(world->make, t - 1, 0x30, 0x30000 + pick(world, 64) * 16,
                          (UINT64_C(1) << 30 | (uint64_t)t << 20) + pick(world, 64) * 64, 0xff);
    }
    trace_make_write(world->make);
    if (!world->digest) {
        options.jobs = 1 + pick(world, 2);
        options.patience =
            pick(world, 2); /* 1: a cut that leaves a task out is made in the next round */
        world->digest = digest_open(world->make->path, &options);
    }
    assert_non_null(world->digest);
    digest_round(world->digest);
}

/* The task goes to sleep, or sleeps on, or wakes up. True if it is awake. */
static bool is_awake(struct world *world, uint32_t task)
{
    if (!world->sleepy)
        return true;
    if (!world->asleep[task]) {
        world->asleep[task] = pick(world, 24) == 0;
        world->segment[task] += world->asleep[task];
        return !world->asleep[task];
    }
    world->asleep[task] = pick(world, 12) != 0;
    if (!world->asleep[task] && pick(world, 8))
        acquire(world, task, pick(world, OBJECTS));
    return !world->asleep[task];
}

static void play(struct world *world)
{
    uint32_t task_object = make_object(world->make, TRACE_OBJECT_TASK, 0);
    for (uint32_t t = 1; t <= TASKS; t++) {
        if (t > 1)
            make_task(world->make, 1, "task");
        make_switch(world->make, t - 1, t, 1);
        world->segment[t] = world->written[t] = 1;
    }
    for (uint32_t i = 0; i < OBJECTS; i++)
        make_object(world->make, TRACE_OBJECT_MUTEX, 0x5000 + i * 64);
    allocate(world, 1, 0);
    for (uint32_t t = 2; t <= TASKS; t++) {
        make_edge(world->make, t - 1, 1, 1, 1, task_object);
        world->clock[t][1] = 1;
    }
    world->segment[1] = 2;
    while (world->event_count < EVENTS - 1 && world->block_count < (world->packed ? 7 : 30)) {
        uint32_t task = 1 + pick(world, TASKS), what = pick(world, 40);
        if (!is_awake(world, task))
            ;
        else if (what < 4)
            release(world, task, pick(world, OBJECTS));
        else if (what < 9)
            acquire(world, task, pick(world, OBJECTS));
        else if (what < 11)
            allocate(world, task, pick(world, PLACES));
        else if (what < 12)
            deallocate(world, task, pick(world, PLACES));
        else if (world->wide && what < 34)
            access_wide(world, task);
        else
            access_memory(world, task);
        if (world->follow && pick(world, 8) == 0)
            grow(world);
    }
}

/* ---- races by definition, and as found ---- */

static void add_pair(struct pair *pairs, uint32_t *count, struct pair pair)
{
    for (uint32_t i = 0; i < *count; i++)
        if (pairs[i].low == pair.low && pairs[i].high == pair.high &&
            strcmp(pairs[i].rule, pair.rule) == 0)
            return;
    assert_true(*count < PAIRS);
    pairs[(*count)++] = pair;
}

static bool races(const struct event *a, const struct event *b)
{
    if (a->task == b->task || a->block != b->block || (a->is_free && b->is_free))
        return false;
    if (a->address + a->size <= b->address || b->address + b->size <= a->address)
        return false;
    if (!((a->kind | b->kind) & TRACE_KIND_WRITE) || (a->kind & b->kind & TRACE_KIND_ATOMIC))
        return false;
    return b->clock[a->task] < a->segment && a->clock[b->task] < b->segment;
}

static void expect(struct world *world)
{
    for (uint32_t i = 0; i < world->event_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            const struct event *a = &world->events[i], *b = &world->events[j];
            if (!races(a, b))
                continue;
            const char *rule = a->is_free || b->is_free                  ? "free-race"
                               : (a->kind ^ b->kind) & TRACE_KIND_ATOMIC ? "mixed-race"
                                                                         : "data-race";
            add_pair(world->expected, &world->expected_count,
                     (struct pair){.low = a->pc < b->pc ? a->pc : b->pc,
                                   .high = a->pc < b->pc ? b->pc : a->pc,
                                   .rule = rule});
        }
    }
}

static void detect(struct world *world)
{
    static const struct analysis_options options = {.jobs = 1};
    char *error;
    world->make->process.end = TRACE_END_EXIT;
    trace_make_write(world->make);
    struct analysis analysis = {.digest = world->digest, .options = &options};
    analysis.trace =
        world->digest ? digest_finish(world->digest) : trace_open(world->make->path, &error);
    assert_non_null(analysis.trace);
    analysis.symbols = symbols_open(analysis.trace, NULL);
    analysis.order = world->digest ? digest_order(world->digest) : order_build(analysis.trace);
    detect_race(&analysis);
    assert_int_equal(analysis.trace->problem_count, 0);
    world->woken = analysis.coverage.woken;
    for (uint32_t i = 0; i < analysis.findings.count; i++) {
        const struct finding *finding = analysis.findings.items[i];
        uint32_t a = (uint32_t)finding->parts[0].stack.frames[0].pc + 1;
        uint32_t b = (uint32_t)finding->parts[1].stack.frames[0].pc + 1;
        add_pair(world->found, &world->found_count,
                 (struct pair){.low = a < b ? a : b, .high = a < b ? b : a, .rule = finding->rule});
    }
    finding_list_free(&analysis.findings);
    if (world->digest)
        digest_free(world->digest);
    else
        order_free(analysis.order);
    symbols_close(analysis.symbols);
    trace_close(analysis.trace);
}

static uint32_t missing(const struct pair *from, uint32_t from_count, const struct pair *in,
                        uint32_t in_count, const char *what, uint64_t seed)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < from_count; i++) {
        bool there = false;
        for (uint32_t j = 0; j < in_count; j++)
            there = there || (in[j].low == from[i].low && in[j].high == from[i].high &&
                              strcmp(in[j].rule, from[i].rule) == 0);
        if (there)
            continue;
        printf("seed %llu: %s %s 0x%x 0x%x\n", (unsigned long long)seed, what, from[i].rule,
               from[i].low, from[i].high);
        count++;
    }
    return count;
}

enum how { AT_THE_END, WHILE_IT_GROWS, WHILE_TASKS_SLEEP };

static void random_programs(enum how how, uint64_t programs)
{
    const char *more = getenv("GOROCHECK_MUTATIONS");
    if (more)
        programs = strtoull(more, NULL, 10) / (how ? 200 : 50);
    uint32_t wrong = 0, pairs = 0, told = 0;
    struct world *world = malloc(sizeof(*world));
    assert_non_null(world);
    for (uint64_t seed = 1; seed <= programs; seed++) {
        memset(world, 0, sizeof(*world));
        world->seed = seed * 0x9e3779b97f4a7c15u;
        world->packed = seed % 2;
        world->wide = seed % 3 == 0;
        world->follow = how != AT_THE_END;
        world->sleepy = how == WHILE_TASKS_SLEEP;
        world->make = trace_make_new();
        world->make->process.end = world->follow ? TRACE_END_NONE : TRACE_END_EXIT;
        play(world);
        expect(world);
        detect(world);
        told += world->woken != 0;
        if (!world->woken)
            wrong += missing(world->expected, world->expected_count, world->found,
                             world->found_count, "not found:", seed);
        wrong += missing(world->found, world->found_count, world->expected, world->expected_count,
                         "no race:", seed);
        pairs += world->expected_count;
        trace_make_free(world->make);
    }
    free(world);
    assert_int_equal(wrong, 0);
    assert_true(pairs > 10 * programs); /* else the programs are too tame */
    assert_true(how == WHILE_TASKS_SLEEP ? told && told < programs / 2 : !told);
}

static void at_the_end(void **state)
{
    (void)state;
    random_programs(AT_THE_END, 300);
}

static void while_it_grows(void **state)
{
    (void)state;
    random_programs(WHILE_IT_GROWS, 80);
}

static void while_tasks_sleep(void **state)
{
    (void)state;
    random_programs(WHILE_TASKS_SLEEP, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(at_the_end),
                                       cmocka_unit_test(while_it_grows),
                                       cmocka_unit_test(while_tasks_sleep)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
