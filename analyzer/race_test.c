/*
 * Race detection on traces made by hand: what is a race, what is not, and which objects and
 * generations are told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/analysis.h"
#include "analyzer/digest.h"
#include "analyzer/order.h"
#include "analyzer/trace_make.h"

#define READ4   (2u << 4)
#define WRITE4  (READ4 | TRACE_KIND_WRITE)
#define ATOMICR (READ4 | TRACE_KIND_ATOMIC)
#define ATOMICW (WRITE4 | TRACE_KIND_ATOMIC)
#define WORD    UINT64_C(0xf)
#define PLACE   UINT64_C(0x10000)

static const struct analysis_options plain = {.jobs = 1};

struct outcome {
    struct analysis analysis;
    struct trace_make *make;
};

static void analyze(struct outcome *outcome, struct trace_make *make,
                    const struct analysis_options *options)
{
    char *error;
    trace_make_write(make);
    *outcome = (struct outcome){.make = make};
    outcome->analysis.trace = trace_open(make->path, &error);
    assert_non_null(outcome->analysis.trace);
    outcome->analysis.symbols = symbols_open(outcome->analysis.trace, NULL);
    outcome->analysis.order = order_build(outcome->analysis.trace);
    outcome->analysis.options = options;
    detect_race(&outcome->analysis);
}

static void done(struct outcome *outcome)
{
    finding_list_free(&outcome->analysis.findings);
    order_free(outcome->analysis.order);
    symbols_close(outcome->analysis.symbols);
    trace_close(outcome->analysis.trace);
    trace_make_free(outcome->make);
}

static uint32_t races(struct trace_make *make)
{
    struct outcome outcome;
    analyze(&outcome, make, &plain);
    uint32_t count = outcome.analysis.findings.count;
    assert_int_equal(outcome.analysis.trace->problem_count, 0);
    done(&outcome);
    return count;
}

/* Main creates two tasks at its segment 1: they run on streams 1 and 2, from their segment 1 on
 * after it. */
static struct trace_make *two_tasks(void)
{
    struct trace_make *make = trace_make_new();
    uint32_t a = make_task(make, 1, "a"), b = make_task(make, 1, "b");
    uint32_t object = make_object(make, TRACE_OBJECT_TASK, 0);
    make_switch(make, 0, 1, 1);
    make_switch(make, 1, a, 1);
    make_edge(make, 1, 1, 1, 1, object);
    make_switch(make, 2, b, 1);
    make_edge(make, 2, 1, 1, 1, object);
    return make;
}

static void unordered_accesses(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
    make_line(make, 2, READ4, 0x200, PLACE, WORD);
    assert_int_equal(races(make), 1);

    make = two_tasks(); /* reads alone */
    make_line(make, 1, READ4, 0x100, PLACE, WORD);
    make_line(make, 2, READ4, 0x200, PLACE, WORD);
    assert_int_equal(races(make), 0);

    make = two_tasks(); /* neighbours */
    make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
    make_line(make, 2, WRITE4, 0x200, PLACE, WORD << 4);
    assert_int_equal(races(make), 0);

    make = two_tasks(); /* one byte in common */
    make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
    make_line(make, 2, WRITE4, 0x200, PLACE, WORD << 3);
    assert_int_equal(races(make), 1);
}

static void atomics(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    make_line(make, 1, ATOMICW, 0x100, PLACE, WORD);
    make_line(make, 2, ATOMICW, 0x200, PLACE, WORD);
    assert_int_equal(races(make), 0);

    make = two_tasks();
    make_line(make, 1, ATOMICR, 0x100, PLACE, WORD);
    make_line(make, 2, WRITE4, 0x200, PLACE, WORD);
    struct outcome outcome;
    analyze(&outcome, make, &plain);
    assert_int_equal(outcome.analysis.findings.count, 1);
    assert_string_equal(outcome.analysis.findings.items[0]->rule, "mixed-race");
    assert_int_equal(outcome.analysis.findings.items[0]->certainty, FINDING_PROVED);
    done(&outcome);
}

/* Main's write before the creation is ordered, one after it is not. */
static void creation(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    make_line(make, 0, WRITE4, 0x100, PLACE, WORD);
    make_line(make, 1, READ4, 0x200, PLACE, WORD);
    assert_int_equal(races(make), 0);

    make = two_tasks();
    make_segment(make, 0, 2);
    make_line(make, 0, WRITE4, 0x100, PLACE, WORD);
    make_line(make, 1, READ4, 0x200, PLACE, WORD);
    assert_int_equal(races(make), 1);
}

/* a writes in segment 1, releases; b acquires (its segment 2) and reads: ordered. A read in b's
 * segment 1 is not, nor is one of a write in a's segment 2. */
static void hand_over(void **state)
{
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        struct trace_make *make = two_tasks();
        uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
        make_edge(make, 2, 2, 2, 1, mutex);
        if (variant == 1)
            make_segment(make, 1, 2);
        make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
        if (variant != 2)
            make_segment(make, 2, 2);
        make_line(make, 2, READ4, 0x200, PLACE, WORD);
        assert_int_equal(races(make), variant == 0 ? 0 : 1);
    }
}

/* a -> main -> b: the order goes through a task that has no accesses of its own there. */
static void transitive(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint32_t object = make_object(make, TRACE_OBJECT_SEMAPHORE, 0x5000);
    make_edge(make, 0, 2, 2, 1, object);
    make_edge(make, 2, 2, 1, 2, object);
    make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
    make_segment(make, 2, 2);
    make_line(make, 2, WRITE4, 0x200, PLACE, WORD);
    assert_int_equal(races(make), 0);
}

/* Every racy pair of sites is found, each once, however often it races. */
static void all_pairs(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    for (uint64_t segment = 1; segment < 20; segment++) {
        if (segment > 1) {
            make_segment(make, 1, segment);
            make_segment(make, 2, segment);
        }
        make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
        make_line(make, 1, READ4, 0x110, PLACE, WORD);
        make_line(make, 2, READ4, 0x200, PLACE, WORD);
        make_line(make, 2, WRITE4, 0x210, PLACE, WORD);
    }
    struct outcome outcome;
    analyze(&outcome, make, &plain);
    assert_int_equal(outcome.analysis.findings.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(outcome.analysis.findings.items[i]->count > 1);
    done(&outcome);
}

/* A write that a later, ordered one of the same site stands for is still found through that one. */
static void replaced_entries(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
    uint32_t c = make_task(make, 1, "c");
    make_switch(make, 3, c, 1);
    make_edge(make, 3, 1, 1, 1, 1);
    make_edge(make, 2, 2, 2, 1, mutex);
    make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
    make_segment(make, 2, 2);
    make_line(make, 2, WRITE4, 0x100, PLACE, WORD);
    make_line(make, 3, READ4, 0x300, PLACE, WORD);
    assert_int_equal(races(make), 1);
}

/* Memory given out again is other memory, wherever its two lives are unordered. */
static void generations(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    make_block(make, 1, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, 32, 100);
    make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
    make_segment(make, 1, 2);
    make_block(make, 1, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, 32, 200);
    make_block(make, 2, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, 32, 300);
    make_line(make, 2, WRITE4, 0x200, PLACE, WORD);
    make_segment(make, 2, 2);
    make_block(make, 2, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, 32, 400);
    assert_int_equal(races(make), 0);

    make = two_tasks(); /* the same with a large block */
    make_block(make, 1, TRACE_ACCESS_ALLOC, TRACE_ALLOC_MAP, PLACE, 1 << 20, 100);
    make_line(make, 1, WRITE4, 0x100, PLACE + 8192, WORD);
    make_segment(make, 1, 2);
    make_block(make, 1, TRACE_ACCESS_FREE, TRACE_ALLOC_MAP, PLACE, 1 << 20, 200);
    make_block(make, 2, TRACE_ACCESS_ALLOC, TRACE_ALLOC_MAP, PLACE, 1 << 20, 300);
    make_line(make, 2, WRITE4, 0x200, PLACE + 8192, WORD);
    assert_int_equal(races(make), 0);
}

/* Memory of a that was handed to b, is freed there and given out again to a, as a smaller block whose
 * lines are other workers'. What b did comes last. `large`: the size of the block that was handed
 * over. */
static void reused_alone(void **state)
{
    (void)state;
    static const struct digest_options four = {.from = 1, .jobs = 4, .keep = true};
    for (unsigned i = 0; i < 4; i++) {
        uint64_t large = i & 1 ? 8192 : 3000, small = i & 2 ? 2048 : 40;
        struct trace_make *make = two_tasks();
        uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
        make_block(make, 1, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, large, 100);
        for (uint64_t at = 0; at < 3000; at += 64)
            make_line(make, 1, WRITE4, 0x100, PLACE + at, WORD);
        make_edge(make, 2, 2, 2, 1, mutex);
        make_segment(make, 2, 2);
        for (uint64_t at = 0; at < 3000; at += 64)
            make_line(make, 2, READ4, 0x200, PLACE + at, WORD);
        make_block(make, 2, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, large + 8, 200);
        make_segment(make, 1, 2);
        make_block(make, 1, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, small, 300);
        make_line(make, 1, WRITE4, 0x110, PLACE, WORD);
        make_segment(make, 1, 3);
        make_block(make, 1, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, small + 8, 400);
        trace_make_write(make); /* a digest has several workers, however small the trace is */
        struct digest *digest = digest_open(make->path, &four);
        digest_round(digest);
        struct analysis analysis = {.digest = digest, .options = &plain};
        analysis.trace = digest_finish(digest);
        analysis.order = digest_order(digest);
        analysis.symbols = symbols_open(analysis.trace, NULL);
        detect_race(&analysis);
        assert_int_equal(analysis.findings.count, 0);
        symbols_close(analysis.symbols);
        trace_close(analysis.trace);
        digest_free(digest);
        trace_make_free(make);
    }
}

/* One block, used by both tasks: main allocates before it creates them. */
static void same_block(void **state)
{
    (void)state;
    for (uint64_t size = 64; size <= 1 << 20; size *= 128) {
        struct trace_make *make = two_tasks();
        make_block(make, 0, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, size, 100);
        make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
        make_line(make, 2, WRITE4, 0x200, PLACE, WORD);
        struct outcome outcome;
        analyze(&outcome, make, &plain);
        assert_int_equal(outcome.analysis.findings.count, 1);
        const struct finding *finding = outcome.analysis.findings.items[0];
        assert_non_null(finding->location);
        assert_non_null(strstr(finding->location, "heap block"));
        done(&outcome);
    }
}

/* An unordered free races with the use, whichever of the two is met first. */
static void free_against_use(void **state)
{
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        struct trace_make *make = two_tasks();
        uint64_t size = variant & 2 ? 1 << 20 : 64;
        uint32_t user = variant & 1 ? 1 : 2, killer = 3 - user;
        make_block(make, 0, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, size, 100);
        make_line(make, user, READ4, 0x100, PLACE, WORD);
        make_block(make, killer, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, size, 200);
        struct outcome outcome;
        analyze(&outcome, make, &plain);
        assert_int_equal(outcome.analysis.findings.count, 1);
        assert_string_equal(outcome.analysis.findings.items[0]->rule, "free-race");
        done(&outcome);
    }
}

/* A pointer that came by a race: the access is to the only block that was ever there; if there were
 * others, nobody can tell. Stream 1 is read first, so that the allocation comes before the access
 * or after it. */
static void published_by_race(void **state)
{
    (void)state;
    for (int variant = 0; variant < 8; variant++) {
        struct trace_make *make = two_tasks();
        uint32_t owner = variant & 1 ? 1 : 2, other = 3 - owner;
        bool again = variant & 2, freed_before = variant & 4;
        if (freed_before) /* of a block whose allocation was not seen */
            make_block(make, owner, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, 32, 50);
        make_block(make, owner, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, 32, 100);
        make_line(make, owner, WRITE4, 0x100, PLACE, WORD);
        make_line(make, other, READ4, 0x200, PLACE, WORD);
        if (again) {
            make_segment(make, owner, 2);
            make_block(make, owner, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, 32, 200);
            make_block(make, owner, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, 32, 300);
        }
        assert_int_equal(races(make), again || freed_before ? 0 : 1);
    }
}

/* Two tasks on the same stream one after the other, and their stacks in the same memory. */
static void reused_stream_and_stack(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint32_t c = make_task(make, 1, "c");
    make_block(make, 1, TRACE_ACCESS_ALLOC, TRACE_ALLOC_STACK, PLACE, 8 << 20, 100);
    make_line(make, 1, WRITE4, 0x100, PLACE + 4096, WORD);
    make_switch(make, 1, c, 1);
    make_edge(make, 1, 1, 1, 1, 1);
    make_block(make, 1, TRACE_ACCESS_ALLOC, TRACE_ALLOC_STACK, PLACE, 8 << 20, 200);
    make_line(make, 1, WRITE4, 0x100, PLACE + 4096, WORD);
    assert_int_equal(races(make), 0);
}

static void ranges_and_runs(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    struct trace_access range = {.type = TRACE_ACCESS_RANGE,
                                 .kind = TRACE_KIND_WRITE | TRACE_KIND_RANGE | 0xf0,
                                 .address = PLACE + 60,
                                 .size = 200,
                                 .pc = 0x100};
    make_access(make, 1, &range);
    make_line(make, 2, READ4, 0x200, PLACE + 256, UINT64_C(1) << 3);
    assert_int_equal(races(make), 1);

    make = two_tasks();
    make_access(make, 1, &range);
    make_line(make, 2, READ4, 0x200, PLACE + 256, UINT64_C(1) << 4);
    make_line(make, 2, READ4, 0x200, PLACE, UINT64_C(1) << 59);
    assert_int_equal(races(make), 0);
}

/* What the open table holds counts like any record. */
static void open_entries(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    make_line(make, 2, READ4, 0x200, PLACE, WORD);
    make->open[1][3] = (struct trace_open){.mask = WORD,
                                           .line = PLACE + 128,
                                           .pc = 0x100,
                                           .run_mask = ~UINT64_C(0),
                                           .run = 2,
                                           .stride = 1,
                                           .kind = WRITE4};
    assert_int_equal(races(make), 1);
}

static void make_context(struct trace_make *make, uint32_t stream, uint32_t pops, uint64_t first,
                         uint32_t pushes)
{
    struct trace_access record = {
        .type = TRACE_ACCESS_CONTEXT, .pops = pops, .pushes = pushes, .held_changed = 0};
    for (uint32_t i = 0; i < pushes; i++)
        record.push[i] = first + i;
    make_access(make, stream, &record);
}

/* Call stacks of accesses that matter, between many of accesses that do not. */
static void stacks_between(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    make_context(make, 1, 0, 0x1000, 20);
    make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
    for (uint32_t i = 0; i < 3000; i++) {
        make_context(make, 1, i ? 40 : 0, 0x4000 + i * 64, 40);
        make_line(make, 1, WRITE4, 0x110, PLACE + 0x100000 + i * 64, WORD);
    }
    make_context(make, 1, 41, 0x3000, 1);
    make_line(make, 1, WRITE4, 0x101, PLACE + 64, WORD);
    make_line(make, 2, READ4, 0x200, PLACE, WORD);
    make_line(make, 2, READ4, 0x201, PLACE + 64, WORD);
    struct outcome outcome;
    analyze(&outcome, make, &plain);
    assert_int_equal(outcome.analysis.findings.count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct finding *finding = outcome.analysis.findings.items[i];
        const struct stack *stack = &finding->parts[0].stack;
        if (stack->count == 1)
            stack = &finding->parts[1].stack;
        assert_int_equal(stack->count, 21);
        bool first = stack->frames[0].pc == 0x100 - 1;
        assert_int_equal(stack->frames[1].pc, first ? 0x1000 + 18 : 0x3000 - 1);
        for (uint32_t f = 2; f < 21; f++)
            assert_int_equal(stack->frames[f].pc, 0x1000 + 19 - f);
    }
    done(&outcome);
}

/* The result does not depend on how many workers share the lines, nor on a limit that is not
 * reached. */
static void any_number_of_workers(void **state)
{
    (void)state;
    uint32_t expected = 0;
    for (unsigned jobs = 1; jobs <= 5; jobs += 2) {
        struct trace_make *make = two_tasks();
        for (uint64_t i = 0; i < 200000; i++) { /* more than a trace that one worker checks alone */
            make_line(make, 1, WRITE4, 0x100 + i % 7, PLACE + i * 640, WORD << (i % 60));
            make_line(make, 2, READ4, 0x200 + i % 5, PLACE + i * 640, WORD << (i % 50));
        }
        struct analysis_options options = {.jobs = jobs};
        struct outcome outcome;
        analyze(&outcome, make, &options);
        if (jobs == 1)
            expected = outcome.analysis.findings.count;
        assert_int_equal(expected, 35);
        assert_int_equal(outcome.analysis.findings.count, expected);
        assert_int_equal(outcome.analysis.coverage.history_dropped, 0);
        assert_int_equal(outcome.analysis.coverage.access_records, 400000);
        done(&outcome);
    }
}

/* A history that does not fit says what it left out. */
static void memory_limit(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    for (uint64_t i = 0; i < 100000; i++) {
        make_line(make, 1, WRITE4, 0x100, PLACE + i * 64, WORD);
        make_line(make, 2, WRITE4, 0x200, PLACE + i * 64, WORD << 4);
    }
    struct analysis_options options = {.jobs = 1, .memory_limit = 1 << 20};
    struct outcome outcome;
    analyze(&outcome, make, &options);
    assert_true(outcome.analysis.coverage.history_dropped > 0);
    done(&outcome);
}

/* So does a line at which more sites meet than are kept: more memory would not help. */
static void crowded_line(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    make_line(make, 2, WRITE4, 0x200, PLACE, WORD << 4);
    for (uint64_t i = 0; i < 3000; i++)
        make_line(make, 1, WRITE4, 0x1000 + 4 * i, PLACE, WORD);
    struct analysis_options options = {.jobs = 1};
    struct outcome outcome;
    analyze(&outcome, make, &options);
    assert_true(outcome.analysis.coverage.history_crowded > 0);
    assert_int_equal(outcome.analysis.coverage.history_dropped, 0);
    done(&outcome);
}

/* Much memory handed back and forth: what all tasks are after is forgotten, and nothing is dropped
 * for lack of room. */
static void forgetting(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint32_t object = make_object(make, TRACE_OBJECT_SEMAPHORE, 0x5000);
    for (uint64_t round = 1; round <= 40; round++) {
        if (round > 1) {
            make_edge(make, 1, 2 * round - 1, 3, 2 * round - 2, object);
            make_segment(make, 1, 2 * round - 1);
        }
        for (uint64_t i = 0; i < 40000; i++)
            make_line(make, 1, WRITE4, 0x100, PLACE + (round * 40000 + i) * 64, WORD);
        make_edge(make, 2, 2 * round, 2, 2 * round - 1, object);
        make_segment(make, 2, 2 * round);
        for (uint64_t i = 0; i < 40000; i++)
            make_line(make, 2, WRITE4, 0x200, PLACE + (round * 40000 + i) * 64, WORD);
    }
    struct analysis_options options = {.jobs = 1, .memory_limit = 220u << 20};
    struct outcome outcome;
    analyze(&outcome, make, &options);
    assert_int_equal(outcome.analysis.findings.count, 0);
    assert_int_equal(outcome.analysis.coverage.history_dropped, 0);
    assert_true(outcome.analysis.coverage.lines < 1500000);
    done(&outcome);
}

/* Bytes that are meant to race: left out, with a count; their neighbours are not. */
static void ignored(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint32_t range = make_object(make, TRACE_OBJECT_IGNORED, PLACE);
    make->objects[range].value = 8;
    make_line(make, 1, WRITE4, 0x100, PLACE, WORD);
    make_line(make, 1, WRITE4, 0x110, PLACE, WORD << 8);
    make_line(make, 2, WRITE4, 0x200, PLACE, WORD);
    make_line(make, 2, WRITE4, 0x210, PLACE, WORD << 8);
    struct outcome outcome;
    analyze(&outcome, make, &plain);
    assert_int_equal(outcome.analysis.findings.count, 1);
    assert_int_equal(outcome.analysis.coverage.ignored_races, 1);
    done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unordered_accesses),
        cmocka_unit_test(atomics),
        cmocka_unit_test(reused_alone),
        cmocka_unit_test(creation),
        cmocka_unit_test(hand_over),
        cmocka_unit_test(transitive),
        cmocka_unit_test(all_pairs),
        cmocka_unit_test(replaced_entries),
        cmocka_unit_test(generations),
        cmocka_unit_test(same_block),
        cmocka_unit_test(free_against_use),
        cmocka_unit_test(published_by_race),
        cmocka_unit_test(reused_stream_and_stack),
        cmocka_unit_test(ranges_and_runs),
        cmocka_unit_test(open_entries),
        cmocka_unit_test(stacks_between),
        cmocka_unit_test(any_number_of_workers),
        cmocka_unit_test(memory_limit),
        cmocka_unit_test(crowded_line),
        cmocka_unit_test(forgetting),
        cmocka_unit_test(ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
