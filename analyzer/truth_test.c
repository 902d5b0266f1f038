/*
 * How sure races of machine accesses are: evidence, marks, libraries in doubt, source lines; and
 * that what one mutex guards is found when its edges are left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyzer/source.h"
#include "analyzer/truth_make.h"
#include "trace/codec.h"

/* The one finding there is must be of this certainty; words of it must be in what backs it. */
static void expect_one(struct trace_make *make, enum finding_certainty certainty, const char *words)
{
    struct outcome outcome;
    outcome_analyze(&outcome, make);
    assert_int_equal(outcome.analysis.findings.count, 1);
    const struct finding *finding = outcome.analysis.findings.items[0];
    assert_int_equal(finding->certainty, certainty);
    const char *text = certainty == FINDING_PROVED ? finding->evidence : finding->doubt;
    assert_non_null(text);
    if (!strstr(text, words))
        fail_msg("'%s' is not in '%s'", words, text);
    outcome_free(&outcome);
}

static void expect_none(struct trace_make *make, uint64_t taken_as_atomic)
{
    struct outcome outcome;
    outcome_analyze(&outcome, make);
    assert_int_equal(outcome.analysis.findings.count, 0);
    assert_int_equal(outcome.analysis.coverage.atomic_races, taken_as_atomic);
    outcome_free(&outcome);
}

static struct trace_make *pair(uint32_t first, uint64_t first_mask, uint32_t second,
                               uint64_t second_mask)
{
    struct trace_make *make = truth_make_tasks();
    make_line(make, A, first, 0x100, PLACE, first_mask);
    make_line(make, B, second, 0x200, PLACE, second_mask);
    return make;
}

/* In a process where cmpxchg16b is used. */
static struct trace_make *pairs(uint32_t first, uint32_t second, uint64_t second_mask)
{
    struct trace_make *make = pair(first, WIDE, second, second_mask);
    make->process.flags |= TRACE_PROCESS_PAIRS;
    return make;
}

static void evidence(void **state)
{
    (void)state;
    expect_one(pair(WRITE4, WORD, READ4, WORD), FINDING_SUSPECTED, "looks the same");
    expect_one(pair(WRITE4, WORD, WRITE4, WORD), FINDING_SUSPECTED, "looks the same");
    expect_one(pair(WRITE16, WIDE, READ4, WORD), FINDING_PROVED, "16-byte write");
    expect_one(pair(WRITE4, WORD, READ16, WIDE), FINDING_PROVED, "16-byte read");
    expect_one(pair(STORE16, WIDE, LOAD16, WIDE), FINDING_PROVED, "16-byte");
    expect_one(pair(STORE16, WIDE, AVX16, WIDE), FINDING_PROVED, "16-byte write");
    expect_one(pairs(STORE16, LOAD16, WIDE), FINDING_SUSPECTED, "looks the same");
    expect_one(pairs(STORE16, AVX16, WIDE), FINDING_SUSPECTED, "looks the same");
    expect_one(pair(AVX16 | TRACE_KIND_WRITE, WIDE, AVX16, WIDE), FINDING_SUSPECTED,
               "looks the same");
    expect_one(pairs(STORE16, READ16, WIDE), FINDING_PROVED, "16-byte read");
    expect_one(pairs(STORE16, READ8, 0xff), FINDING_PROVED, "with 16 and with 8 bytes");
    expect_one(pair(WRITE4, WORD, READ8, 0xff), FINDING_PROVED, "with 4 and with 8 bytes");
    expect_one(pair(BOTH4, WORD, READ4, WORD), FINDING_SUSPECTED, "looks the same");

    struct trace_make *make = truth_make_tasks(); /* the end of a block */
    make_block(make, 0, TRACE_ACCESS_ALLOC, TRACE_ALLOC_HEAP, PLACE, 64, 1500);
    make_line(make, A, READ4, 0x100, PLACE, WORD);
    make_block(make, B, TRACE_ACCESS_FREE, TRACE_ALLOC_HEAP, PLACE, 64, 1600);
    expect_one(make, FINDING_PROVED, "end of the block");

    make = truth_make_tasks(); /* memcpy */
    struct trace_access range = {.type = TRACE_ACCESS_RANGE,
                                 .kind = TRACE_KIND_RANGE | TRACE_KIND_WRITE | 15u << 4,
                                 .address = PLACE,
                                 .size = 8,
                                 .pc = 0x300};
    make_access(make, A, &range);
    make_line(make, B, READ4, 0x200, PLACE, WORD);
    expect_one(make, FINDING_PROVED, "range of bytes");
}

/* The allocator stays as it is and orders nothing; one that comes before the recorder hides blocks. */
static void allocators(void **state)
{
    (void)state;
    struct trace_make *make = pair(WRITE16, WIDE, READ4, WORD);
    truth_make_module(make, 0x9000, 0xa000, TRACE_MODULE_REFUSED, "/nowhere/libsome.so.2");
    make->modules[2].refused = 7; /* too large */
    expect_one(make, FINDING_SUSPECTED, "could not be recorded");
    make = pair(WRITE16, WIDE, READ4, WORD);
    truth_make_module(make, 0x9000, 0xa000, TRACE_MODULE_REFUSED, "/nowhere/libsome.so.2");
    make->modules[2].refused = 8;
    expect_one(make, FINDING_PROVED, "16-byte write");
    make = pair(WRITE16, WIDE, READ4, WORD);
    make->process.flags |= TRACE_PROCESS_OWN_HEAP;
    expect_one(make, FINDING_SUSPECTED, "two blocks");
    make = pair(WRITE16, WIDE, READ4, WORD);
    make->process.flags |= TRACE_PROCESS_OWN_HEAP;
    truth_make_module(make, PLACE, PLACE + 0x1000, TRACE_MODULE_PATCHED, "/nowhere/libdata.so.1");
    expect_one(make, FINDING_PROVED, "16-byte write");
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

#define TELLS  (TRACE_KIND_ATOMIC | TRACE_KIND_WRITE)
#define LEARNS TRACE_KIND_ATOMIC

/* A writes and tells; B learns and reads, or reads and learns. */
static struct trace_make *unseen_pair(bool learns_first)
{
    struct trace_make *make = truth_make_tasks();
    make_line(make, A, WRITE16, 0x100, PLACE, WIDE);
    make_line(make, A, TELLS, 0x8100, TRACE_OUTSIDE, 1);
    if (!learns_first)
        make_line(make, B, READ4, 0x200, PLACE, WORD);
    make_segment(make, B, 2);
    make_line(make, B, LEARNS, 0x8100, TRACE_OUTSIDE, 1);
    if (learns_first)
        make_line(make, B, READ4, 0x200, PLACE, WORD);
    return make;
}

/* What may have passed by files or other processes proves nothing; what cannot have proves as ever. */
static void unseen(void **state)
{
    (void)state;
    expect_one(unseen_pair(true), FINDING_SUSPECTED, "unseen");
    expect_one(unseen_pair(false), FINDING_PROVED, "16-byte write");

    struct trace_make *make = unseen_pair(true); /* told before it wrote */
    make_segment(make, A, 2);
    make_line(make, A, WRITE16, 0x100, PLACE + 64, WIDE);
    make_line(make, B, READ4, 0x300, PLACE + 64, WORD);
    struct outcome outcome;
    outcome_analyze(&outcome, make);
    assert_int_equal(outcome.analysis.findings.count, 2);
    unsigned proved = 0;
    for (uint32_t i = 0; i < 2; i++)
        proved += outcome.analysis.findings.items[i]->certainty == FINDING_PROVED;
    assert_int_equal(proved, 1);
    outcome_free(&outcome);

    make = pair(WRITE16, WIDE, READ4, WORD); /* by memory that others have, too */
    make->process.flags |= TRACE_PROCESS_SHARES;
    expect_one(make, FINDING_SUSPECTED, "shared with other processes");
    make = pair(WRITE16, WIDE, READ4, WORD);
    make->process.flags |= TRACE_PROCESS_IO_URING;
    expect_one(make, FINDING_SUSPECTED, "io_uring");
}

/* Like `pair`, but of code that a compiler instrumented, on one side or on both. */
static void instrumented(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        struct trace_make *make = truth_make_tasks();
        truth_make_module(make, 0x8000, 0x9000, TRACE_MODULE_ABI, "/nowhere/libabi.so");
        make_line(make, A, WRITE4, 0x8100, PLACE, WORD);
        make_line(make, B, READ4, both ? 0x8200 : 0x200, PLACE, WORD);
        struct outcome outcome;
        outcome_analyze(&outcome, make);
        assert_int_equal(outcome.analysis.findings.count, 1);
        const struct finding *finding = outcome.analysis.findings.items[0];
        assert_int_equal(finding->certainty, FINDING_PROVED);
        if (both)
            assert_null(finding->evidence);
        else
            assert_non_null(strstr(finding->evidence, "the compiler that instrumented it"));
        outcome_free(&outcome);
    }
}

static void libraries(void **state)
{
    (void)state;
    struct trace_make *make = pair(WRITE16, WIDE, READ4, WORD);
    truth_make_module(make, 0x9000, 0xa000, 0, "/usr/lib/x86_64-linux-gnu/libc.so.6");
    truth_make_module(make, 0xa000, 0xb000, TRACE_MODULE_PATCHED, "/usr/lib/libtbb.so.12");
    expect_one(make, FINDING_PROVED, "16-byte");

    make = pair(WRITE16, WIDE, READ4, WORD);
    truth_make_module(make, 0x9000, 0xa000, 0, "/usr/lib/libtbb.so.12");
    expect_one(make, FINDING_SUSPECTED, "libtbb.so.12 might have ordered them");

    make = pair(WRITE16, WIDE, READ4, WORD);
    truth_make_module(make, 0x9000, 0xa000, TRACE_MODULE_PATCHED, "/usr/lib/libtbb.so.12");
    make->modules[2].candidates = 10;
    make->modules[2].seen = 9;
    expect_one(make, FINDING_SUSPECTED, "some of its instructions");
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
    truth_make_module(make, 0x10, 0x8000, TRACE_MODULE_MAIN | TRACE_MODULE_PATCHED, "/nowhere/app");
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
        outcome_analyze(&outcome, locked_program(seed, MUTEXES));
        assert_int_equal(outcome.analysis.findings.count, 0);
        outcome_free(&outcome);
        for (uint32_t dropped = 0; dropped < MUTEXES; dropped++) {
            outcome_analyze(&outcome, locked_program(seed, dropped));
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
            outcome_free(&outcome);
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
        "_Pragma(\"omp atomic read\") x = counter;",
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

/* A line each; '*' before those that a directive makes atomic. */
static void source_directives(void **state)
{
    (void)state;
    static const char text[] = "#pragma omp atomic write\n"
                               "*counter = 1;\n"
                               " counter = 2;\n"
                               "  #pragma omp atomic read\n"
                               "*other = table[1]\n"
                               "*    .counter;\n"
                               " counter = 3;\n"
                               "#pragma omp atomic capture\n"
                               "*{\n"
                               "*    other = counter;\n"
                               "*    counter = 4;\n"
                               "*}\n"
                               " counter = 5;\n"
                               "_Pragma(\"omp atomic write\")\n"
                               "*counter = 6;\n"
                               "#pragma omp critical\n"
                               " counter = 7;\n"
                               "!$OMP ATOMIC CAPTURE\n"
                               "*other = counter\n"
                               "*counter = 8\n"
                               "!$OMP END ATOMIC\n"
                               " counter = 9\n";
    char path[] = "/tmp/gorocheck-source.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    int number = 1;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1, number++)
        if (strspn(line, " *") && source_in_atomic(path, number, NULL) != (*line == '*'))
            fail_msg("line %d", number);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence),     cmocka_unit_test(allocators),
        cmocka_unit_test(marks),        cmocka_unit_test(instrumented),
        cmocka_unit_test(libraries),    cmocka_unit_test(mutants),
        cmocka_unit_test(source_lines), cmocka_unit_test(source_directives),
        cmocka_unit_test(unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
