/*
 * The filter, the open table and the contexts, against a model: a random program of calls, accesses, locks, releases and
 * allocations is recorded; what the decoded trace says must be exactly what happened, at any moment it is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/access.c"
#include "shim/block.c"
#include "shim/open.c"
#include "shim/shadow.c"

/* ---- the rest of the recorder ---- */

#define STREAM_BYTES (32u << 20)
#define OBJECTS 16u

struct table table_tasks, table_stacks, table_process;
struct shim_options shim_options = {.accesses = true, .heap = true};
volatile uint32_t shim_life[1024] = {SHIM_ON};
__thread struct thread *thread_current;
struct object *object_table;

static struct thread own;
static struct trace_task own_record;
static struct object objects[OBJECTS];
static uint8_t *stream_bytes;
static uint8_t open_header[TRACE_ACCESS_OFFSET] __attribute__((aligned(64)));
static uint64_t stack_file[TRACE_TABLE_OFFSET / 8 + 4096], *const stack_words = stack_file + TRACE_TABLE_OFFSET / 8;

struct thread *thread_attach(void)
{
    return NULL;
}

void thread_deliver(struct thread *thread)
{
    (void)thread;
}

void shim_off(const char *reason)
{
    fail_msg("%s", reason);
}

void *memory_get(size_t size)
{
    return raw_map(NULL, size, 3, 0x4022, -1, 0);
}

struct trace_open *stream_open_table(struct stream *stream)
{
    (void)stream;
    return (struct trace_open *)(open_header + TRACE_OPEN_OFFSET);
}

uint8_t *stream_open_chunk(struct stream *stream)
{
    if (stream->chunk)
        return NULL;
    stream->chunk = (struct trace_chunk_header *)stream_bytes;
    stream->chunk->used = 0;
    stream->next = (uint8_t *)(stream->chunk + 1);
    stream->limit = stream_bytes + STREAM_BYTES;
    return stream->next;
}

uint32_t stack_put(const uint64_t *pcs, uint32_t count)
{
    static uint32_t used = 8;
    uint32_t id = used;
    stack_words[used++] = count;
    for (uint32_t i = 0; i < count; i++)
        stack_words[used++] = pcs[i];
    table_stacks.base = (uint8_t *)stack_file;
    table_stacks.slot_size = 8;
    return id;
}

/* ---- a set of things that happened ---- */

#define SET_SIZE (1u << 22)

struct set {
    uint64_t *slots;
    uint32_t count;
};

static void set_add(struct set *set, uint64_t key)
{
    if (!set->slots)
        set->slots = raw_map(NULL, SET_SIZE * sizeof *set->slots, 3, 0x4022, -1, 0);
    uint64_t i = key;
    while (set->slots[i % SET_SIZE] && set->slots[i % SET_SIZE] != key)
        i++;
    assert_true(set->slots[i % SET_SIZE] || ++set->count < SET_SIZE / 2);
    set->slots[i % SET_SIZE] = key;
}

static bool set_has(const struct set *set, uint64_t key)
{
    uint64_t i = key;
    while (set->slots && set->slots[i % SET_SIZE] && set->slots[i % SET_SIZE] != key)
        i++;
    return set->slots && set->slots[i % SET_SIZE] == key;
}

static void set_clear(struct set *set)
{
    if (set->slots)
        raw2(SYS_munmap, set->slots, SET_SIZE * sizeof *set->slots);
    *set = (struct set){NULL, 0};
}

static uint64_t key_of(const uint64_t *words, uint32_t count)
{
    uint64_t key = 88172645463325252u;
    for (uint32_t i = 0; i < count; i++)
        key = mix(key + 0x51ed270b, words[i]);
    return key | 1;
}

/* ---- the model ---- */

#define MEMORY UINT64_C(0x7f1200000000)
#define MEMORY_BYTES (1u << 21)
#define DEPTH 200u

static struct set happened, owed; /* all that happened; that which must be in the trace */
static uint32_t born_count[MEMORY_BYTES]; /* how often a byte's block began or ended */
static uint32_t seen_mark[MEMORY_BYTES][4]; /* per byte: read, write, atomic read, atomic write in this generation */
static uint32_t generation;
static uint64_t frames[DEPTH];
static uint32_t depth;

static uint64_t model_stack(void)
{
    return key_of(frames, depth);
}

static uint64_t model_held(void)
{
    uint64_t words[2 * HELD_ENTRIES];
    for (uint32_t i = 0; i < own.held_count; i++) {
        words[2 * i] = object_id(own.held[i].object);
        words[2 * i + 1] = own.held[i].mode;
    }
    return key_of(words, 2 * own.held_count);
}

static void model_access(uint64_t address, size_t size, uint32_t kind, uint64_t pc)
{
    uint64_t stack = model_stack(), held = model_held();
    uint32_t atomic = kind & TRACE_KIND_ATOMIC ? 2 : 0;
    for (size_t i = 0; i < size; i++) {
        uint64_t byte = address + i - MEMORY;
        uint64_t words[] = {own.segment, byte, kind, pc, stack, held, born_count[byte]};
        uint64_t key = key_of(words, 7);
        set_add(&happened, key);
        uint32_t *mark = &seen_mark[byte][atomic];
        bool write = kind & TRACE_KIND_WRITE;
        if (mark[1] == generation || (!write && mark[0] == generation))
            continue;
        mark[write] = generation;
        set_add(&owed, key);
    }
}

static void do_access(uint64_t address, size_t size, uint32_t kind, uint64_t pc)
{
    model_access(address, size, kind, pc);
    bool write = kind & TRACE_KIND_WRITE;
    if (size <= 16 && address % 64 + size <= 64 && !(kind & TRACE_KIND_ATOMIC) &&
        access_seen(address, (UINT64_C(1) << size) - 1, write))
        return;
    access_record(&own, address, size, kind, pc);
}

static void do_block(uint64_t address, size_t size, bool free)
{
    for (size_t i = 0; i < size; i++) {
        born_count[address + i - MEMORY]++;
        if (!free)
            for (uint32_t k = 0; k < 4; k++)
                seen_mark[address + i - MEMORY][k] = 0;
    }
    if (free)
        access_free(&own, address, size, TRACE_ALLOC_HEAP, 0x777);
    else
        access_alloc(&own, address, size, TRACE_ALLOC_HEAP, 0x777);
}

static void do_call(uint64_t pc)
{
    frames[depth++] = pc;
    shadow_enter(pc, 0x7ffff000 - depth * 64);
}

static void do_return(void)
{
    depth--;
    shadow_leave();
}

static void do_segment(void)
{
    own.segment++;
    generation++;
    access_new_segment(&own);
}

static void do_lock(uint32_t object, uint16_t mode)
{
    own.held[own.held_count++] = (struct held){.object = &objects[object], .mode = mode, .count = 1};
    own.held_version++;
}

static void do_unlock(void)
{
    own.held_count--;
    own.held_version++;
}

/* ---- the decoded trace ---- */

#define CONTEXTS 400000u
static uint64_t context_stack[CONTEXTS], context_held[CONTEXTS];
static struct set recorded;
static uint32_t told[MEMORY_BYTES];
static uint32_t line_count, record_count[TRACE_ACCESS_LAST + 1];

static void decoded_bytes(const struct trace_access *record, uint64_t line, uint64_t mask)
{
    for (uint32_t bit = 0; bit < 64; bit++) {
        if (!(mask >> bit & 1))
            continue;
        uint64_t byte = line + bit - MEMORY;
        assert_true(byte < MEMORY_BYTES);
        uint64_t words[] = {record->segment,
                            byte,
                            record->kind,
                            record->pc,
                            context_stack[record->context],
                            context_held[record->context],
                            told[byte]};
        uint64_t key = key_of(words, 7);
        if (!set_has(&happened, key))
            fail_msg("never happened: byte %lx kind %x pc %lx segment %lu born %u", (unsigned long)byte, record->kind,
                     (unsigned long)record->pc, (unsigned long)record->segment, told[byte]);
        set_add(&recorded, key);
    }
}

static void decoded_line(const struct trace_access *record)
{
    line_count++;
    for (uint64_t i = 0; i <= record->run; i++)
        decoded_bytes(record, record->address + 64 * (uint64_t)((int64_t)i * record->stride), record->mask);
}

static void decoded_range(const struct trace_access *record)
{
    for (uint64_t at = record->address; at < record->address + record->size; at++)
        decoded_bytes(record, at & ~UINT64_C(63), UINT64_C(1) << at % 64);
}

static uint64_t decoded_frames[SHADOW_DEPTH];
static uint32_t decoded_depth;

static void decoded_context(const struct trace_access *record)
{
    static uint64_t held;
    if (record->context == 0) {
        decoded_depth = 0;
        held = key_of(NULL, 0);
    } else {
        assert_true(record->pops <= decoded_depth);
        decoded_depth -= record->pops;
        for (uint32_t i = 0; i < record->pushes; i++)
            decoded_frames[decoded_depth++] = record->push[i];
        uint64_t words[2 * TRACE_HELD_MAX];
        for (uint32_t i = 0; record->held_changed && i < record->held_count; i++) {
            words[2 * i] = record->held[i].object;
            words[2 * i + 1] = record->held[i].mode;
        }
        if (record->held_changed)
            held = key_of(words, 2 * record->held_count);
    }
    assert_true(record->context < CONTEXTS);
    context_stack[record->context] = key_of(decoded_frames, decoded_depth);
    context_held[record->context] = held;
}

static void decoded_open(const struct trace_access_codec *codec, const struct trace_open *entry)
{
    if (!entry->mask)
        return;
    assert_true(codec->context - entry->context <= TRACE_CONTEXT_WINDOW);
    struct trace_access record = {.type = TRACE_ACCESS_LINE,
                                  .kind = entry->kind,
                                  .context = entry->context,
                                  .segment = codec->segment,
                                  .pc = entry->pc,
                                  .stride = 1};
    for (uint32_t i = 1; i <= entry->run; i++)
        decoded_bytes(&record, entry->line - (uint64_t)((int64_t)i * entry->stride * 64), entry->run_mask);
    decoded_bytes(&record, entry->line, entry->mask);
}

/* Reads the trace as a reader would after a SIGKILL now, and compares. */
static void check(void)
{
    static struct trace_access_codec codec;
    memset(&codec, 0, sizeof codec);
    memset(told, 0, sizeof told);
    memset(record_count, 0, sizeof record_count);
    line_count = 0;
    set_clear(&recorded);
    const uint8_t *p = stream_bytes + sizeof(struct trace_chunk_header);
    const uint8_t *end = p + own.access_stream.chunk->used;
    while (p < end) {
        struct trace_access record;
        const char *error = NULL;
        size_t size = trace_access_get(&codec, p, end, &record, &error);
        if (!size)
            fail_msg("%s", error);
        p += size;
        record_count[record.type]++;
        assert_int_equal(record.task, own.task);
        if (record.type == TRACE_ACCESS_LINE)
            decoded_line(&record);
        else if (record.type == TRACE_ACCESS_RANGE)
            decoded_range(&record);
        else if (record.type == TRACE_ACCESS_SWITCH || record.type == TRACE_ACCESS_CONTEXT)
            decoded_context(&record);
        else if ((record.type == TRACE_ACCESS_ALLOC || record.type == TRACE_ACCESS_FREE) &&
                 record.kind == TRACE_ALLOC_HEAP)
            for (uint64_t i = 0; i < record.size; i++)
                told[record.address + i - MEMORY]++;
    }
    const struct trace_open *table = stream_open_table(&own.access_stream);
    for (uint32_t i = 0; i < TRACE_OPEN_ENTRIES; i++)
        decoded_open(&codec, &table[i]);
    for (uint32_t i = 0; owed.slots && i < SET_SIZE; i++)
        if (owed.slots[i])
            assert_true(set_has(&recorded, owed.slots[i]));
}

static void check_every(uint64_t i, uint64_t period)
{
    if (i % period == 0)
        check();
}

static int begin(void **state)
{
    (void)state;
    if (!stream_bytes)
        stream_bytes = raw_map(NULL, STREAM_BYTES, 3, 0x4022, -1, 0);
    table_tasks.count = 3;
    object_table = objects;
    set_clear(&happened);
    set_clear(&owed);
    memset(born_count, 0, sizeof born_count);
    memset(seen_mark, 0, sizeof seen_mark);
    memset(open_header, 0, sizeof open_header);
    generation = 1;
    depth = 0;
    own = (struct thread){.task = 2, .segment = 1, .record = &own_record};
    own_record = (struct trace_task){.stack_low = 4096, .stack_high = 8192};
    access_fast = (struct access_fast)ACCESS_FAST_EMPTY(nothing, no_frames);
    thread_current = &own;
    access_on = 1;
    access_thread_start(&own);
    return 0;
}

static int end(void **state)
{
    (void)state;
    access_thread_end(&own);
    return 0;
}

/* ---- tests ---- */

#define R4 (2u << 4)
#define W4 (R4 | TRACE_KIND_WRITE)

static void test_once(void **state)
{
    (void)state;
    do_access(MEMORY, 4, R4, 1);
    do_access(MEMORY, 4, R4, 2);
    assert_true(access_seen(MEMORY, 15, false));
    assert_false(access_seen(MEMORY, 15, true));
    do_access(MEMORY, 4, W4, 3);
    do_access(MEMORY, 4, R4, 4);
    do_access(MEMORY, 4, W4, 5);
    assert_true(access_seen(MEMORY, 15, true));
    access_flush(&own);
    check();
    assert_int_equal(line_count, 2);
    do_segment();
    assert_false(access_seen(MEMORY, 15, false));
    do_access(MEMORY, 4, R4, 4);
    access_flush(&own);
    check();
    assert_int_equal(line_count, 3);
    assert_int_equal(record_count[TRACE_ACCESS_SEGMENT], 1);
}

/* A write after which nobody reads: the read that follows it is not news, in the atomic filter neither. */
static void test_atomic(void **state)
{
    (void)state;
    do_access(MEMORY, 4, R4, 1);
    do_access(MEMORY, 4, R4 | TRACE_KIND_ATOMIC, 2);
    do_access(MEMORY, 4, W4 | TRACE_KIND_ATOMIC, 3);
    do_access(MEMORY, 4, R4 | TRACE_KIND_ATOMIC, 4);
    access_flush(&own);
    check();
    assert_int_equal(line_count, 3);
}

static void test_row(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        do_access(MEMORY + 4 * i, 4, W4, 1);
    for (uint64_t i = 96; i > 0; i--)
        do_access(MEMORY + 8192 + 4 * i - 4, 4, R4, 2);
    check();
    assert_int_equal(line_count, 0); /* all of it is still open */
    access_flush(&own);
    check();
    assert_int_equal(line_count, 3); /* six lines and a tail; six lines the other way */
}

/* A segment without accesses writes nothing; an unchanged context is written once however often it comes again. */
static void test_lazy(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        do_segment();
        do_call(100);
        do_return();
    }
    check();
    assert_int_equal(record_count[TRACE_ACCESS_SEGMENT], 0);
    for (uint32_t i = 0; i < 1000; i++) {
        do_access(MEMORY + 64 * i, 8, W4, 1);
        do_call(101);
        do_lock(3, TRACE_MODE_EXCLUSIVE);
        do_access(MEMORY + 32 + 64 * i, 4, R4, 2);
        do_unlock();
        do_return();
    }
    access_flush(&own);
    check();
    assert_int_equal(record_count[TRACE_ACCESS_SEGMENT], 1);
    assert_true(record_count[TRACE_ACCESS_CONTEXT] <= 2);
    assert_true(line_count <= 4);
}

static void test_ranges(void **state)
{
    (void)state;
    do_access(MEMORY + 100, 1000, TRACE_KIND_RANGE | 15u << 4, 1);
    do_access(MEMORY + 10001, 100000, TRACE_KIND_RANGE | TRACE_KIND_WRITE | 15u << 4, 2);
    access_flush(&own);
    check();
    assert_int_equal(record_count[TRACE_ACCESS_RANGE], 1);
}

static void test_alone(void **state)
{
    (void)state;
    table_tasks.count = 2;
    uint32_t used = own.access_stream.chunk->used;
    own_record.flags = TRACE_TASK_MAIN;
    own.task = 1;
    shadow_enter(0x11, 0x1000);
    shadow_enter(0x22, 0x0f00);
    access_alloc(&own, MEMORY, 100, TRACE_ALLOC_HEAP, 0x33);
    access_alloc(&own, MEMORY + 4096, 100, TRACE_ALLOC_HEAP, 0x34);
    access_free(&own, MEMORY + 4096, 100, TRACE_ALLOC_HEAP, 0x35);
    access_record(&own, MEMORY, 4, W4, 1);
    assert_int_equal(own.access_stream.chunk->used, used);
    assert_true(access_seen(MEMORY, 15, true));
    table_tasks.count = 3;
    do_segment();
    access_record(&own, MEMORY, 4, W4, 1);

    static struct trace_access_codec codec, copy;
    memset(&codec, 0, sizeof codec);
    const uint8_t *p = stream_bytes + sizeof(struct trace_chunk_header), *stop = p + own.access_stream.chunk->used;
    struct trace_access record;
    const char *error;
    uint32_t heap = 0, pushed = 0;
    for (; p < stop; p += trace_access_get(&codec, p, stop, &record, &error)) {
        copy = codec;
        assert_true(trace_access_get(&copy, p, stop, &record, &error) > 0);
        if (record.type == TRACE_ACCESS_CONTEXT && !heap) {
            assert_int_equal(record.pushes, 2);
            assert_int_equal(record.push[0], 0x11);
            assert_int_equal(record.push[1], 0x22);
            pushed = record.context;
        }
        if (record.type == TRACE_ACCESS_ALLOC && record.kind == TRACE_ALLOC_HEAP) {
            heap++;
            assert_int_equal(record.address, MEMORY);
            assert_int_equal(record.size, 100);
            assert_int_equal(record.pc, 0x33);
            assert_int_equal(record.context, pushed);
        }
    }
    assert_int_equal(heap, 1);
}

static void test_jump(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 50; i++)
        do_call(100 + i);
    do_access(MEMORY, 4, R4, 1);
    uint64_t target = 0x7ffff000 - 11 * 64; /* the eleventh frame called setjmp a little below where it was entered */
    shadow_cut(target - 16);
    depth = 11;
    do_access(MEMORY + 64, 4, R4, 2);
    do_return();
    do_access(MEMORY + 128, 4, R4, 3);
    access_flush(&own);
    check();
    shadow_enter(5, 0x10000); /* a handler on a signal stack far below */
    shadow_enter(6, 0x0ff00);
    shadow_cut(0x7ffff000 - 10 * 64 - 16);
    do_access(MEMORY + 256, 4, R4, 7);
    access_flush(&own);
    check();
}

static void test_deep(void **state)
{
    (void)state;
    uint32_t count;
    for (uint64_t i = 0; i < SHADOW_DEPTH + 1000; i++)
        shadow_enter(i, 0x7fff00000000 - 16 * i);
    access_shadow(&count);
    assert_int_equal(count, SHADOW_DEPTH);
    access_record(&own, MEMORY, 4, R4, 1);
    for (uint64_t i = 0; i < 1010; i++)
        shadow_leave();
    access_shadow(&count);
    assert_int_equal(count, SHADOW_DEPTH - 10);
    access_record(&own, MEMORY + 64, 4, R4, 1);
    for (uint64_t i = 0; i < SHADOW_DEPTH; i++) /* ten more than there are */
        shadow_leave();
    access_shadow(&count);
    assert_int_equal(count, 0);
    do_access(MEMORY + 128, 4, R4, 1);
    for (uint64_t i = 0; i < 2000; i++)
        shadow_enter(7, 0x7fff00000000 - 16 * i);
    shadow_cut(0x7fff00000000);
    access_shadow(&count);
    assert_int_equal(count, 1);
}

/* An entry must not stay open until its context is too far back to be named. */
static void test_old_context(void **state)
{
    (void)state;
    do_call(1);
    do_access(MEMORY, 4, W4, 0x5000);
    for (uint64_t i = 0; i < 3000; i++) {
        do_call(1000 + i);
        do_access(MEMORY + 4096 + 64 * i, 4, W4, 0x6000);
        do_return();
        check_every(i, 500);
    }
    check();
}

/* Generations are numbered anew one day; what the filter remembers of the old ones must not count. */
static void test_wrap(void **state)
{
    (void)state;
    assert_int_equal(own.access->generation, 1);
    do_access(MEMORY, 4, W4, 1);
    own.access->generation = GENERATION_LAST;
    do_segment();
    assert_int_equal(own.access->generation, 1);
    do_access(MEMORY, 4, W4, 2);
    check();
}

static uint64_t seed;

static uint32_t roll(uint32_t sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % sides;
}

static void random_access(uint32_t lines)
{
    uint32_t log2 = roll(5), kind = log2 << 4;
    size_t size = (size_t)1 << log2;
    uint64_t address = MEMORY + roll(lines) * 64;
    uint64_t pc = 0x4000 + roll(40) * 5;
    address += roll(8) ? roll((uint32_t)(64 / size)) * size : roll(64);
    if (roll(2))
        kind |= TRACE_KIND_WRITE;
    if (roll(16) == 0)
        kind |= TRACE_KIND_ATOMIC;
    do_access(address, size, kind, pc);
}

static void random_step(uint32_t lines)
{
    uint32_t what = roll(100);
    if (what < 70) {
        random_access(lines);
    } else if (what < 80) {
        if (depth < DEPTH && (depth < 4 || roll(2)))
            do_call(0x9000 + roll(6));
        else
            do_return();
    } else if (what < 86) {
        if (own.held_count < 4 && roll(2))
            do_lock(1 + roll(8), roll(3) ? TRACE_MODE_EXCLUSIVE : TRACE_MODE_SHARED);
        else if (own.held_count)
            do_unlock();
    } else if (what < 90) {
        do_segment();
    } else if (what < 94) {
        uint64_t row = MEMORY + roll(lines) * 64;
        for (uint64_t i = 0; i < roll(20); i++)
            do_access(row + 8 * i, 8, 3u << 4, 0x5000);
    } else if (what < 96) {
        do_block(MEMORY + roll(lines) * 64 + roll(4) * 16, 16 + roll(300), roll(2));
    } else if (what < 97) {
        do_access(MEMORY + roll(lines * 64), 1 + roll(4000), TRACE_KIND_RANGE | roll(2) | 15u << 4, 0x6000);
    } else if (what < 98 && depth > 10) {
        uint32_t cut = roll(depth);
        shadow_cut(0x7ffff000 - (cut + 1) * 64 - 8 * roll(8));
        depth = cut + 1;
    }
}

static void random_run(uint64_t from, uint32_t steps, uint32_t lines)
{
    seed = from;
    for (uint32_t i = 0; i < steps; i++) {
        random_step(lines);
        if (roll(steps / 6) == 0)
            check();
    }
    check();
    access_flush(&own);
    check();
}

static void test_random_dense(void **state)
{
    (void)state;
    random_run(0x1234567, 40000, 30);
}

static void test_random_wide(void **state)
{
    (void)state;
    random_run(0x7654321, 60000, 20000);
}

static void test_random_wrap(void **state)
{
    (void)state;
    own.access->generation = GENERATION_LAST - 20;
    do_segment();
    random_run(0xabcdef, 20000, 100);
    assert_true(own.access->generation < GENERATION_LAST - 20);
}

/* The filter of a thread that touches much grows, and is used again by the next. */
static void test_grows(void **state)
{
    (void)state;
    uint32_t before = own.access->entries_log2;
    for (uint32_t round = 0; round < 12; round++)
        for (uint64_t line = 0; line < 30000; line++)
            do_access(MEMORY + line * 64, 8, 3u << 4, 0x5000);
    assert_int_equal(before, FILTER_FIRST);
    assert_int_equal(own.access->entries_log2, FILTER_LARGE);
    struct filter_entry *entries = own.access->entries;
    check();
    access_thread_end(&own);
    assert_ptr_equal(pool[FILTER_LARGE], entries);
    assert_int_equal(large_used, 0);
    access_thread_start(&own);
    assert_int_equal(own.access->entries_log2, FILTER_FIRST);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_once),         TEST(test_atomic),      TEST(test_row),         TEST(test_lazy),
        TEST(test_ranges),       TEST(test_alone),       TEST(test_jump),        TEST(test_deep),
        TEST(test_random_dense), TEST(test_random_wide), TEST(test_random_wrap), TEST(test_grows),
        TEST(test_old_context),  TEST(test_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
