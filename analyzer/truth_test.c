/*
 * How sure races of machine accesses are: evidence, marks, flags made by hand, libraries in doubt.
 * The traces are made by hand; the pcs lie in a module that was patched.
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
#include "analyzer/closure.h"
#include "analyzer/order.h"
#include "analyzer/source.h"
#include "analyzer/trace_make.h"

#define READ4   (2u << 4)
#define WRITE4  (READ4 | TRACE_KIND_WRITE)
#define READ8   (3u << 4)
#define WRITE16 (4u << 4 | TRACE_KIND_WRITE)
#define READ16  (4u << 4)
#define BOTH4   (WRITE4 | TRACE_KIND_BOTH)
#define LOCKED4 (WRITE4 | TRACE_KIND_ATOMIC)
#define WORD    UINT64_C(0xf)
#define WIDE    UINT64_C(0xffff)
#define PLACE   UINT64_C(0x10000)
#define FLAG    UINT64_C(0x20000)
#define A       1u /* streams of the two tasks; they are tasks 2 and 3 */
#define B       2u

static const struct analysis_options plain = {.jobs = 1};

struct outcome {
    struct analysis analysis;
    struct trace_make *make;
};

static void add_module(struct trace_make *make, uint64_t low, uint64_t high, uint32_t flags,
                       const char *path)
{
    uint32_t i = 1;
    while (make->modules[i].state)
        i++;
    make->modules[i] = (struct trace_module){.state = 1, .flags = flags, .low = low, .high = high};
    snprintf(make->modules[i].path, sizeof(make->modules[i].path), "%s", path);
}

/* Main creates two tasks, which run on streams A and B; all code below 0x8000 was patched. */
static struct trace_make *two_tasks(void)
{
    struct trace_make *make = trace_make_new();
    uint32_t a = make_task(make, 1, "a"), b = make_task(make, 1, "b");
    uint32_t object = make_object(make, TRACE_OBJECT_TASK, 0);
    add_module(make, 0x10, 0x8000, TRACE_MODULE_MAIN | TRACE_MODULE_PATCHED, "/nowhere/app");
    make_switch(make, 0, 1, 1);
    make_switch(make, A, a, 1);
    make_edge(make, A, 1, 1, 1, object);
    make_switch(make, B, b, 1);
    make_edge(make, B, 1, 1, 1, object);
    return make;
}

static void analyze(struct outcome *outcome, struct trace_make *make)
{
    char *error;
    trace_make_write(make);
    *outcome = (struct outcome){.make = make};
    outcome->analysis.trace = trace_open(make->path, &error);
    assert_non_null(outcome->analysis.trace);
    outcome->analysis.symbols = symbols_open(outcome->analysis.trace, NULL);
    outcome->analysis.order = order_build(outcome->analysis.trace);
    outcome->analysis.options = &plain;
    detect_race(&outcome->analysis);
    assert_int_equal(outcome->analysis.trace->problem_count, 0);
}

static void done(struct outcome *outcome)
{
    finding_list_free(&outcome->analysis.findings);
    order_free(outcome->analysis.order);
    symbols_close(outcome->analysis.symbols);
    trace_close(outcome->analysis.trace);
    trace_make_free(outcome->make);
}

/* The one finding there is must be of this certainty; words of it must be in what backs it. */
static void expect_one(struct trace_make *make, enum finding_certainty certainty, const char *words)
{
    struct outcome outcome;
    analyze(&outcome, make);
    assert_int_equal(outcome.analysis.findings.count, 1);
    const struct finding *finding = outcome.analysis.findings.items[0];
    assert_int_equal(finding->certainty, certainty);
    const char *text = certainty == FINDING_PROVED ? finding->evidence : finding->doubt;
    assert_non_null(text);
    if (!strstr(text, words))
        fail_msg("'%s' is not in '%s'", words, text);
    done(&outcome);
}

static void expect_none(struct trace_make *make, uint64_t taken_as_atomic)
{
    struct outcome outcome;
    analyze(&outcome, make);
    assert_int_equal(outcome.analysis.findings.count, 0);
    assert_int_equal(outcome.analysis.coverage.atomic_races, taken_as_atomic);
    done(&outcome);
}

static struct trace_make *pair(uint32_t first, uint64_t first_mask, uint32_t second,
                               uint64_t second_mask)
{
    struct trace_make *make = two_tasks();
    make_line(make, A, first, 0x100, PLACE, first_mask);
    make_line(make, B, second, 0x200, PLACE, second_mask);
    return make;
}

static void evidence(void **state)
{
    (void)state;
    expect_one(pair(WRITE4, WORD, READ4, WORD), FINDING_SUSPECTED, "looks the same");
    expect_one(pair(WRITE4, WORD, WRITE4, WORD), FINDING_SUSPECTED, "looks the same");
    expect_one(pair(WRITE16, WIDE, READ4, WORD), FINDING_PROVED, "16-byte write");
    expect_one(pair(WRITE4, WORD, READ16, WIDE), FINDING_PROVED, "16-byte read");
    expect_one(pair(WRITE4, WORD, READ8, 0xff), FINDING_PROVED, "with 4 and with 8 bytes");
    expect_one(pair(BOTH4, WORD, READ4, WORD), FINDING_SUSPECTED, "looks the same");

    struct trace_make *make = two_tasks(); /* the end of a block */
    make_block(make, 0, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, 64, 1500);
    make_line(make, A, READ4, 0x100, PLACE, WORD);
    make_block(make, B, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, 64, 1600);
    expect_one(make, FINDING_PROVED, "end of the block");

    make = two_tasks(); /* memcpy */
    struct trace_access range = {.type = TRACE_ACCESS_RANGE,
                                 .kind = TRACE_KIND_RANGE | TRACE_KIND_WRITE | 15u << 4,
                                 .address = PLACE,
                                 .size = 8,
                                 .pc = 0x300};
    make_access(make, A, &range);
    make_line(make, B, READ4, 0x200, PLACE, WORD);
    expect_one(make, FINDING_PROVED, "range of bytes");
}

static void marks(void **state)
{
    (void)state;
    expect_none(pair(LOCKED4, WORD, LOCKED4, WORD), 0);
    expect_none(pair(LOCKED4, WORD, READ4 | TRACE_KIND_MARKED, WORD), 0);
    expect_none(pair(LOCKED4, WORD, READ4, WORD), 1); /* loaded before the byte was marked */
    expect_one(pair(LOCKED4, WORD, READ16, WIDE), FINDING_SUSPECTED, "atomic");

    struct trace_make *make = pair(WRITE4, WORD, READ4, WORD); /* marked only later */
    make_edge(make, B, 2, 2, 1, make_object(make, TRACE_OBJECT_MUTEX, 0x5000));
    make_segment(make, B, 2);
    make_line(make, B, LOCKED4, 0x300, PLACE, WORD);
    expect_none(make, 1);

    make = pair(WRITE16, WIDE, READ16, WIDE); /* other bytes of the line are */
    make_line(make, B, LOCKED4, 0x300, PLACE, WORD << 32);
    expect_one(make, FINDING_PROVED, "16-byte");
}

/* Like `pair`, but of code that a compiler instrumented, on one side or on both. */
static void instrumented(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        struct trace_make *make = two_tasks();
        add_module(make, 0x8000, 0x9000, TRACE_MODULE_ABI, "/nowhere/libabi.so");
        make_line(make, A, WRITE4, 0x8100, PLACE, WORD);
        make_line(make, B, READ4, both ? 0x8200 : 0x200, PLACE, WORD);
        struct outcome outcome;
        analyze(&outcome, make);
        assert_int_equal(outcome.analysis.findings.count, 1);
        const struct finding *finding = outcome.analysis.findings.items[0];
        assert_int_equal(finding->certainty, FINDING_PROVED);
        if (both)
            assert_null(finding->evidence);
        else
            assert_non_null(strstr(finding->evidence, "the compiler that instrumented it"));
        done(&outcome);
    }
}

static void libraries(void **state)
{
    (void)state;
    struct trace_make *make = pair(WRITE16, WIDE, READ4, WORD);
    add_module(make, 0x9000, 0xa000, 0, "/usr/lib/x86_64-linux-gnu/libc.so.6");
    add_module(make, 0xa000, 0xb000, TRACE_MODULE_PATCHED, "/usr/lib/libtbb.so.12");
    expect_one(make, FINDING_PROVED, "16-byte");

    make = pair(WRITE16, WIDE, READ4, WORD);
    add_module(make, 0x9000, 0xa000, 0, "/usr/lib/libtbb.so.12");
    expect_one(make, FINDING_SUSPECTED, "libtbb.so.12 might have ordered them");

    make = pair(WRITE16, WIDE, READ4, WORD);
    add_module(make, 0x9000, 0xa000, TRACE_MODULE_PATCHED, "/usr/lib/libtbb.so.12");
    make->modules[2].candidates = 10;
    make->modules[2].seen = 9;
    expect_one(make, FINDING_SUSPECTED, "some of its instructions");
}

/* ---- flags made by hand ---- */

enum { DATA_BEFORE, DATA_AFTER, FLAG_BACK, FLAG_PLAIN_SIZE };

/* a stores wide data and a flag, b loads the flag and the data. */
static struct trace_make *message(int variant)
{
    struct trace_make *make = two_tasks();
    uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
    make_segment(make, A, 2);
    if (variant == DATA_AFTER)
        make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    make_segment(make, A, 3);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_segment(make, A, 4);
    if (variant == DATA_BEFORE)
        make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    if (variant == FLAG_BACK)
        make_line(make, A, READ4, 0x110, FLAG, WORD);
    if (variant == FLAG_PLAIN_SIZE)
        make_line(make, A, WRITE16, 0x110, FLAG, WIDE);
    make_segment(make, B, 2);
    make_line(make, B, variant == FLAG_BACK ? WRITE4 : READ4, 0x210, FLAG, WORD);
    make_segment(make, B, 3);
    make_line(make, B, READ16, 0x200, PLACE, WIDE);
    (void)mutex;
    return make;
}

static void flag_orders(void **state)
{
    (void)state;
    struct outcome outcome;
    analyze(&outcome, message(DATA_BEFORE));
    assert_int_equal(outcome.analysis.findings.count, 1);
    const struct finding *finding = outcome.analysis.findings.items[0];
    assert_string_equal(finding->rule, "hand-made-synchronisation");
    assert_int_equal(finding->certainty, FINDING_SUSPECTED);
    uint32_t explained = 0;
    for (uint32_t i = 0; i < finding->part_count; i++)
        explained += finding->parts[i].role == PART_EXPLAINED;
    assert_int_equal(explained, 1);
    done(&outcome);
}

static uint32_t proved(struct trace_make *make)
{
    struct outcome outcome;
    uint32_t count = 0;
    analyze(&outcome, make);
    for (uint32_t i = 0; i < outcome.analysis.findings.count; i++)
        count += outcome.analysis.findings.items[i]->certainty == FINDING_PROVED;
    done(&outcome);
    return count;
}

/* The flag is raised before the data are stored, or by the one that loads them, or is no flag. */
static void flag_does_not_order(void **state)
{
    (void)state;
    assert_int_equal(proved(message(DATA_AFTER)), 1);
    assert_int_equal(proved(message(FLAG_BACK)), 1);
    assert_int_equal(proved(message(FLAG_PLAIN_SIZE)), 2);
}

/* What b loaded before an order that the trace knows cannot be of a store after it. */
static void flag_of_the_past(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
    make_line(make, B, READ4, 0x210, FLAG, WORD); /* b, 1: looks */
    make_edge(make, A, 2, 3, 1, mutex);           /* a, 2: is after that */
    make_segment(make, A, 2);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_line(make, A, WRITE4, 0x110, FLAG, WORD); /* raises the flag too late */
    uint32_t c = make_task(make, 1, "c"); /* stores too, so that it is seen that b looked in 1 */
    make_switch(make, 3, c, 1);
    make_line(make, 3, WRITE4, 0x310, FLAG, WORD);
    make_edge(make, B, 2, c, 1, mutex);
    make_segment(make, B, 2);
    make_line(make, B, READ16, 0x200, PLACE, WIDE);
    make_segment(make, B, 3);
    make_line(make, B, READ4, 0x210, FLAG, WORD); /* sees it, but has loaded the data before */
    assert_int_equal(proved(make), 1);
}

/* b looked at the flag and the data before a had stored them, as the clock tells; or after. */
static struct trace_make *timed_message(bool early)
{
    struct trace_make *make = two_tasks();
    make_segment(make, A, 2);
    make_time(make, A, 500000);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    make_segment(make, B, 2);
    make_line(make, B, READ4, 0x210, FLAG, WORD);
    make_line(make, B, READ16, 0x200, PLACE, WIDE);
    make_segment(make, B, 3);
    make_time(make, B, early ? 400000 : 600000);
    make_line(make, B, READ4, 0x220, FLAG + 64, WORD);
    return make;
}

static void flag_too_early(void **state)
{
    (void)state;
    assert_int_equal(proved(timed_message(true)), 1);
    assert_int_equal(proved(timed_message(false)), 0);
}

/* a hands on to b by one flag, b to a third task by another. */
static void flags_in_a_row(void **state)
{
    (void)state;
    struct trace_make *make = two_tasks();
    uint32_t c = make_task(make, 1, "c"), object = make_object(make, TRACE_OBJECT_TASK, 0);
    make_switch(make, 3, c, 1);
    make_edge(make, 3, 1, 1, 1, object);
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_segment(make, A, 2);
    make_line(make, A, WRITE4, 0x110, FLAG, WORD);
    make_line(make, B, READ4, 0x210, FLAG, WORD);
    make_segment(make, B, 2);
    make_line(make, B, WRITE4, 0x220, FLAG + 64, WORD);
    make_line(make, 3, READ4, 0x310, FLAG + 64, WORD);
    make_segment(make, 3, 2);
    make_line(make, 3, READ16, 0x300, PLACE, WIDE);
    assert_int_equal(proved(make), 0);
}

/* Of what was before the edges that are retired nobody knows any more: that counts as ordered. */
static void retired_edges(void **state)
{
    (void)state;
    char *error;
    struct trace_make *make = two_tasks();
    uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0x5000);
    make_edge(make, B, 2, 2, 1, mutex);
    make_edge(make, B, 3, 2, 2, mutex);
    make_edge(make, B, 9, 2, 8, mutex);
    trace_make_write(make);
    struct trace *trace = trace_open(make->path, &error);
    struct order *order = order_begin();
    order_keep_begin(order);
    order_read(order, trace);
    struct race_scan scan = {.trace = trace};
    struct closure *closure = closure_new(order, &scan, NULL, 0, 1000);
    assert_true(closure_before(closure, 0, 2, 1, 3, 2, NULL));
    assert_false(closure_before(closure, 0, 2, 4, 3, 4, NULL));
    closure_free(closure);
    const uint64_t base[] = {0, 1, 5, 5};
    order_retire(order, base);
    assert_true(order->lists[3].retired > 0);
    closure = closure_new(order, &scan, NULL, 0, 1000);
    assert_true(closure_before(closure, 0, 2, 4, 3, 4, NULL));  /* not known any more */
    assert_true(closure_before(closure, 0, 2, 5, 3, 6, NULL));  /* base */
    assert_false(closure_before(closure, 0, 2, 6, 3, 6, NULL)); /* behind it all is known */
    assert_true(closure_before(closure, 0, 2, 8, 3, 9, NULL));
    closure_free(closure);
    order_free(order);
    trace_close(trace);
    trace_make_free(make);
}

/* ---- mutation: the edges of one mutex are left out ---- */

#define MUTEXES 4u
#define TASKS   3u
#define ROUNDS  60u

struct lock { /* what the recorder keeps of a mutex: its last release */
    uint32_t task;
    uint64_t segment;
};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16 & 0x7fff;
}

/* Tasks take mutexes in turn and access what each guards: a word and sixteen bytes. */
static struct trace_make *locked_program(uint32_t seed, uint32_t dropped)
{
    struct trace_make *make = trace_make_new();
    uint32_t tasks[TASKS], objects[MUTEXES];
    uint64_t segments[TASKS];
    struct lock locks[MUTEXES] = {{0, 0}};
    uint32_t creation = make_object(make, TRACE_OBJECT_TASK, 0);
    add_module(make, 0x10, 0x8000, TRACE_MODULE_MAIN | TRACE_MODULE_PATCHED, "/nowhere/app");
    make_switch(make, 0, 1, 1);
    for (uint32_t m = 0; m < MUTEXES; m++)
        objects[m] = make_object(make, TRACE_OBJECT_MUTEX, 0x5000 + m * 64);
    for (uint32_t t = 0; t < TASKS; t++) {
        tasks[t] = make_task(make, 1, "t");
        segments[t] = 1;
        make_switch(make, t + 1, tasks[t], 1);
        make_edge(make, t + 1, 1, 1, 1, creation);
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t t = next_random(&seed) % TASKS, m = next_random(&seed) % MUTEXES;
        struct lock *lock = &locks[m];
        if (m != dropped && lock->task && lock->task != tasks[t]) {
            segments[t]++;
            make_edge(make, t + 1, segments[t], lock->task, lock->segment, objects[m]);
            make_segment(make, t + 1, segments[t]);
        }
        bool write = next_random(&seed) % 2;
        uint64_t pc = 0x100 + m * 0x100 + write * 0x10;
        make_line(make, t + 1, write ? WRITE4 : READ4, pc, PLACE + m * 256, WORD);
        make_line(make, t + 1, write ? WRITE16 : READ16, pc + 1, PLACE + m * 256 + 64, WIDE);
        *lock = (struct lock){tasks[t], segments[t]};
        segments[t]++;
        make_segment(make, t + 1, segments[t]);
    }
    return make;
}

static void mutants(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 10; seed++) {
        struct outcome outcome;
        analyze(&outcome, locked_program(seed, MUTEXES));
        assert_int_equal(outcome.analysis.findings.count, 0);
        done(&outcome);
        for (uint32_t dropped = 0; dropped < MUTEXES; dropped++) {
            analyze(&outcome, locked_program(seed, dropped));
            assert_true(outcome.analysis.findings.count > 0);
            uint64_t low = 0x100 + dropped * 0x100, high = low + 0x100;
            for (uint32_t i = 0; i < outcome.analysis.findings.count; i++) {
                const struct finding *finding = outcome.analysis.findings.items[i];
                for (uint32_t p = 0; p < finding->part_count; p++) {
                    const struct part *part = &finding->parts[p];
                    if (part->role != PART_ACCESS)
                        continue;
                    assert_int_equal(part->stack.count, 1);
                    assert_in_range(part->stack.frames[0].pc + 1, low, high - 1);
                }
            }
            done(&outcome);
        }
    }
}

/* ---- source lines ---- */

static void source_lines(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "counter++; /* atomic? */", "x = counter;",           "while (!counter)",
        "if (a && counter > 1) {",  "counter = counter + 1;", "printf(\"%d atomic\\n\", counter);",
        "table[3].counter += 2;",   "p->counter = 1;",
    };
    static const char *const no[] = {
        "atomic_store(&counter, 1);",
        "__atomic_store_n(&counter, 1, __ATOMIC_RELEASE);",
        "x = LOAD(counter);",
        "x = load_acquire(counter);",
        "*(volatile int *)&counter = 1;",
        "use(&counter);",
        "x = READ_ONCE(counter);",
        "other = 1;",
        "#define SET counter = 1",
        "counter = 1; \\",
        "x = std::atomic_ref(counter).load();",
    };
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
        if (!source_plain(yes[i], "counter"))
            fail_msg("not plain: %s", yes[i]);
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
        if (source_plain(no[i], "counter"))
            fail_msg("plain: %s", no[i]);
    assert_true(source_plain("p->next = q;", NULL));
    assert_false(source_plain("push(p, q);", NULL));
    assert_false(source_plain("if (READY) go = 1;", NULL));
    assert_false(source_plain("", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence),         cmocka_unit_test(marks),
        cmocka_unit_test(instrumented),     cmocka_unit_test(libraries),
        cmocka_unit_test(flag_orders),      cmocka_unit_test(flag_does_not_order),
        cmocka_unit_test(flag_of_the_past), cmocka_unit_test(flags_in_a_row),
        cmocka_unit_test(mutants),          cmocka_unit_test(source_lines),
        cmocka_unit_test(flag_too_early),   cmocka_unit_test(retired_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
