/*
 * Unit tests of what is said of goroutines (blocked_go.c, wait.c, detect_ending.c, detect_growth.c, goroutine.c): each builds
 * the end of a Go program as the recorder would leave it, and compares all findings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyzer/expect_make.h"
#include "analyzer/memory.h"
#include "analyzer/report.h"

#define OWN     UINT64_C(0x401000) /* code of the program */
#define LIBRARY UINT64_C(0x7f0000001000)
#define SECOND  UINT64_C(1000000000)
#define START   UINT64_C(1000) /* of trace_make's time stamps: a tick is a nanosecond */

#define MAIN    2u /* the main goroutine; task 1 is the thread, which the runtime uses for itself */

/* A Go program whose main function returns after a second. */
static struct trace_make *made(void)
{
    static const struct {
        uint64_t low, high;
        uint32_t flags;
        const char *path;
    } modules[] = {{0x400000, 0x500000, TRACE_MODULE_MAIN, "/opt/app"},
                   {0x7f0000000000, 0x7f0001000000, 0, "/usr/lib/libgo.so.21"}};
    struct trace_make *make = trace_make_new();
    for (size_t i = 0; i < 2; i++) {
        make->modules[i + 1] = (struct trace_module){
            .state = 1, .flags = modules[i].flags, .low = modules[i].low, .high = modules[i].high};
        snprintf(make->modules[i + 1].path, sizeof(make->modules[i + 1].path), "%s",
                 modules[i].path);
    }
    make->process.flags = 0;
    make->tasks[1].state = TRACE_TASK_RUNNING;
    make->tasks[1].flags |= TRACE_TASK_SYSTEM;
    uint32_t id = make_task(make, 1, "");
    make->tasks[id].kind = TRACE_TASK_GOROUTINE;
    make->tasks[id].state = TRACE_TASK_RUNNING;
    make->tasks[id].handle = 1;
    make->process.end_task = id;
    make->process.end_stack = make_stack(make, (uint64_t[]){LIBRARY + 0x100}, 1);
    return make;
}

/* A goroutine made by the go statement at `site`, running. */
static uint32_t goroutine(struct trace_make *make, uint64_t site)
{
    uint32_t id = make_task(make, MAIN, "");
    struct trace_task *task = &make->tasks[id];
    task->kind = TRACE_TASK_GOROUTINE;
    task->state = TRACE_TASK_RUNNING;
    task->flags = TRACE_TASK_DETACHED | TRACE_TASK_REACH_KNOWN;
    task->handle = 20 + id;
    task->create_tsc = START + SECOND / 10;
    task->create_stack = make_stack(make, &site, 1);
    return id;
}

static struct trace_task *blocked(struct trace_make *make, uint32_t primitive, uint32_t object,
                                  uint64_t site)
{
    struct trace_task *task = &make->tasks[goroutine(make, OWN + 0x10)];
    task->state = TRACE_TASK_BLOCKED;
    task->primitive = primitive;
    task->object = object;
    task->since_tsc = START + SECOND / 2;
    task->wait_stack = make_stack(make, &site, 1);
    return task;
}

static uint32_t channel(struct trace_make *make, uint64_t posts)
{
    uint32_t id = make_object(make, TRACE_OBJECT_CHANNEL, 0xc000001000 + 64 * posts);
    make->objects[id].flags = TRACE_OBJECT_GO;
    make->objects[id].posts = posts;
    return id;
}

/* ---- waits ---- */

static void unreachable(void **state)
{
    (void)state;
    struct trace_make *make = made();
    blocked(make, PRIMITIVE_go_send, channel(make, 1), OWN + 0x100);
    blocked(make, PRIMITIVE_go_receive, channel(make, 0), OWN + 0x200);
    blocked(make, PRIMITIVE_go_receive, channel(make, 3), OWN + 0x300);
    blocked(make, PRIMITIVE_go_block, 0, OWN + 0x400);
    blocked(make, PRIMITIVE_go_receive, 0, OWN + 0x500);
    uint32_t group = make_object(make, TRACE_OBJECT_WAITGROUP, 0xc000002000);
    make->objects[group].value = 2;
    blocked(make, PRIMITIVE_go_waitgroup_wait, group, OWN + 0x600);
    blocked(make, PRIMITIVE_go_cond_wait, make_object(make, TRACE_OBJECT_COND, 0xc000003000),
            OWN + 0x700);
    expect(
        make,
        "blocked forgotten-sender proved; blocked no-sender proved; blocked never-closed proved; "
        "blocked select-forever proved; blocked nil-channel proved; blocked wait-group-short "
        "proved; blocked never-signalled proved; ");
}

static void reached(void **state)
{
    (void)state;
    static const struct {
        uint32_t flags;
        const char *text;
    } cases[] = {
        {TRACE_TASK_REACH_KNOWN, "blocked forgotten-sender proved; "},
        {TRACE_TASK_REACH_KNOWN | TRACE_TASK_REACHED, "blocked forgotten-sender suspected; "},
        {TRACE_TASK_REACH_KNOWN | TRACE_TASK_REACHED_BY, ""},
        {0, ""},                                                      /* it was not looked up */
        {TRACE_TASK_REACHED, "blocked forgotten-sender suspected; "}, /* but for the variables */
        {TRACE_TASK_REACHED_BY, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trace_make *make = made();
        blocked(make, PRIMITIVE_go_send, channel(make, 1), OWN + 0x100)->flags = cases[i].flags;
        make->tasks[goroutine(make, OWN + 0x20)].primitive = 0; /* one that can go on */
        expect(make, cases[i].text);
    }
}

/* Of how many goroutines it is said that it was not looked up. */
static uint64_t unknown(struct trace_make *make)
{
    struct options options;
    struct report report = {.options = &options};
    char *error = NULL;
    options_default(&options);
    trace_make_write(make);
    assert_true(report_trace(&report, make->path, &error));
    uint64_t count = report.processes[0].coverage.waits_unknown;
    assert_int_equal(coverage_whole(&report.processes[0]), !count);
    report_free(&report);
    trace_make_free(make);
    return count;
}

/* What is not told since it was not looked up is counted, but for what would not be told in any case. */
static void counted(void **state)
{
    (void)state;
    static const struct {
        uint32_t flags, primitive;
        uint64_t site;
        uint64_t count;
    } cases[] = {
        {0, PRIMITIVE_go_send, OWN + 0x100, 1},
        {0, PRIMITIVE_go_send, LIBRARY + 0x100, 0},
        {TRACE_TASK_REACHED_BY, PRIMITIVE_go_send, OWN + 0x100, 0},
        {TRACE_TASK_REACHED, PRIMITIVE_go_send, OWN + 0x100, 0}, /* it is told */
        {TRACE_TASK_REACHED, PRIMITIVE_go_receive, OWN + 0x100, 1},
        {TRACE_TASK_REACH_KNOWN | TRACE_TASK_REACHED, PRIMITIVE_go_receive, OWN + 0x100, 0},
        {TRACE_TASK_REACH_KNOWN, PRIMITIVE_go_send, OWN + 0x100, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trace_make *make = made();
        blocked(make, cases[i].primitive, channel(make, 1), cases[i].site)->flags = cases[i].flags;
        make->tasks[goroutine(make, OWN + 0x20)].primitive = 0; /* one that can go on */
        assert_int_equal(unknown(make), cases[i].count);
    }
}

static struct trace_task *selects(struct trace_make *make, const uint64_t *words, uint32_t count)
{
    struct trace_task *task = blocked(make, PRIMITIVE_go_select, 0, OWN + 0x100);
    task->list = make_stack(make, words, count);
    task->wait_value = count;
    return task;
}

static void select_cases(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = channel(make, 1), b = channel(make, 2);
    selects(make, (uint64_t[]){(uint64_t)a << 1, (uint64_t)b << 1 | 1}, 2);
    expect(make, "blocked select-stuck proved; ");
    make = made();
    selects(make, (uint64_t[]){0, 1}, 2);
    expect(make, "blocked nil-channel proved; ");
    make = made(); /* a signal may come */
    a = channel(make, 1);
    make->objects[a].flags |= TRACE_OBJECT_SHARED;
    selects(make, (uint64_t[]){(uint64_t)a << 1, 0}, 2);
    expect(make, "");
}

static void by_design(void **state)
{
    (void)state;
    struct trace_make *make = made();
    /* Receives from a channel that a variable leads to: a worker, until main returns. */
    blocked(make, PRIMITIVE_go_receive, channel(make, 5), OWN + 0x100)->flags |= TRACE_TASK_REACHED;
    uint32_t a = channel(make, 1), b = channel(make, 2);
    selects(make, (uint64_t[]){(uint64_t)a << 1, (uint64_t)b << 1}, 2)->flags |= TRACE_TASK_REACHED;
    /* Of the library, of the runtime. */
    blocked(make, PRIMITIVE_go_receive, channel(make, 6), LIBRARY + 0x200);
    blocked(make, PRIMITIVE_go_receive, channel(make, 7), OWN + 0x200)->flags |= TRACE_TASK_SYSTEM;
    /* Ends by itself. */
    blocked(make, PRIMITIVE_go_sleep, 0, OWN + 0x300)->flags |= TRACE_TASK_TIMED;
    uint32_t signals = channel(make, 8);
    make->objects[signals].flags |= TRACE_OBJECT_SHARED;
    blocked(make, PRIMITIVE_go_receive, signals, OWN + 0x400);
    expect(make, "");
}

/* One that calls finalizers is no worker: what it waits for in one keeps all others from being called. */
static void in_a_finalizer(void **state)
{
    (void)state;
    struct trace_make *make = made();
    blocked(make, PRIMITIVE_go_receive, channel(make, 5), OWN + 0x100)->flags |=
        TRACE_TASK_REACHED | TRACE_TASK_FINALIZES;
    blocked(make, PRIMITIVE_go_send, channel(make, 1), OWN + 0x200)->flags |= TRACE_TASK_FINALIZES;
    expect(make, "blocked forgotten-sender proved; blocked never-closed suspected; ");
    make = made(); /* the library's own finalizer */
    blocked(make, PRIMITIVE_go_receive, channel(make, 5), LIBRARY + 0x100)->flags |=
        TRACE_TASK_FINALIZES;
    expect(make, "");
}

/* What is by design in a program is not in a test. */
static void in_a_test(void **state)
{
    (void)state;
    struct trace_make *make = made();
    struct trace_task *task = blocked(make, PRIMITIVE_go_receive, channel(make, 5), OWN + 0x100);
    task->flags |= TRACE_TASK_REACHED;
    uint64_t name = 0;
    memcpy(&name, "TestAll", 7);
    task->test = make_stack(make, &name, 1);
    struct options options;
    struct report report = {.options = &options};
    char *error = NULL;
    options_default(&options);
    trace_make_write(make);
    assert_true(report_trace(&report, make->path, &error));
    assert_int_equal(report.item_count, 1);
    assert_string_equal(report.items[0].finding->rule, "never-closed");
    assert_string_equal(report.items[0].finding->test, "TestAll");
    assert_true(report.items[0].finding->goroutine);
    report_free(&report);
    trace_make_free(make);
}

static void asleep(void **state)
{
    (void)state;
    struct trace_make *make = made();
    make->process.flags |= TRACE_PROCESS_ASLEEP;
    make->process.end_code = 2;
    make->process.end_task = 1;
    make->tasks[MAIN].state = TRACE_TASK_BLOCKED;
    make->tasks[MAIN].primitive = PRIMITIVE_go_receive;
    make->tasks[MAIN].object = channel(make, 0);
    make->tasks[MAIN].wait_stack = make_stack(make, (uint64_t[]){OWN}, 1);
    blocked(make, PRIMITIVE_go_send, channel(make, 1), OWN + 0x100)->flags = 0;
    expect(make, "blocked no-sender proved; blocked forgotten-sender proved; ");
}

/* ---- ends ---- */

static void panicked(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t id = goroutine(make, OWN + 0x10);
    make->process.end_task = id;
    make->process.end_code = 2;
    make->tasks[id].flags |= TRACE_TASK_PANICKED;
    make->tasks[id].exit_stack = make_stack(make, (uint64_t[]){LIBRARY, OWN + 0x50}, 2);
    /* Who waited for it was not left behind. */
    blocked(make, PRIMITIVE_go_receive, channel(make, 0), OWN + 0x100)->flags |=
        TRACE_TASK_REACHED_BY;
    expect(make, "ending panic proved; ");
}

static void threw(void **state)
{
    (void)state;
    struct trace_make *make = made();
    make->tasks[MAIN].flags |= TRACE_TASK_THREW;
    make->tasks[MAIN].exit_stack = make_stack(make, (uint64_t[]){LIBRARY, OWN + 0x50}, 2);
    expect(make, "ending fatal-error proved; ");
}

/* Another goroutine than main calls os.Exit; `flags`, `primitive` of one that is there. */
static void exits(uint32_t task_state, uint32_t flags, uint32_t primitive, bool holds,
                  const char *text)
{
    struct trace_make *make = made();
    uint32_t ender = goroutine(make, OWN + 0x10), id = goroutine(make, OWN + 0x20);
    make->process.end_task = ender;
    make->process.end_stack = make_stack(make, (uint64_t[]){LIBRARY, OWN + 0x60}, 2);
    struct trace_task *task = &make->tasks[id];
    task->state = task_state;
    task->flags |= flags;
    task->primitive = primitive;
    task->wait_stack = make_stack(make, (uint64_t[]){OWN + 0x70}, 1);
    task->object = primitive == PRIMITIVE_go_sleep ? 0 : channel(make, 1);
    task->held_count = holds;
    task->held[0].object = holds ? make_object(make, TRACE_OBJECT_MUTEX, 0xc000005000) : 0;
    expect(make, text);
}

static void exit_elsewhere(void **state)
{
    (void)state;
    static const char found[] = "ending exit-elsewhere suspected; ";
    exits(TRACE_TASK_RUNNING, TRACE_TASK_AT_WORK, 0, false, found);
    exits(TRACE_TASK_CREATED, 0, 0, false, found);
    exits(TRACE_TASK_BLOCKED, TRACE_TASK_TIMED | TRACE_TASK_DEFERS, PRIMITIVE_go_sleep, false,
          found);
    exits(TRACE_TASK_BLOCKED, TRACE_TASK_REACHED_BY, PRIMITIVE_go_send, false, found);
    exits(TRACE_TASK_BLOCKED, TRACE_TASK_REACHED_BY, PRIMITIVE_go_receive, true, found);
    /* About to end; asleep with nothing to do; waits for work. */
    exits(TRACE_TASK_RUNNING, 0, 0, false, "");
    exits(TRACE_TASK_CREATED, TRACE_TASK_TOLD, 0, false, "");
    exits(TRACE_TASK_BLOCKED, TRACE_TASK_TIMED, PRIMITIVE_go_sleep, false, "");
    exits(TRACE_TASK_BLOCKED, TRACE_TASK_REACHED_BY | TRACE_TASK_DEFERS, PRIMITIVE_go_receive,
          false, "");
    exits(TRACE_TASK_RUNNING, TRACE_TASK_AT_WORK | TRACE_TASK_SYSTEM, 0, false, "");
}

static void main_returned(void **state)
{
    (void)state;
    struct trace_make *make = made();
    make->tasks[goroutine(make, OWN + 0x10)].flags |= TRACE_TASK_AT_WORK;
    struct trace_task *asked = &make->tasks[goroutine(make, OWN + 0x20)];
    asked->flags |= TRACE_TASK_AT_WORK | TRACE_TASK_ASKED;
    struct trace_task *waited = &make->tasks[goroutine(make, OWN + 0x30)];
    waited->flags |= TRACE_TASK_AT_WORK;
    waited->since_tsc = START + 5;
    uint32_t locks = goroutine(make, OWN + 0x40);
    make->tasks[locks].flags |= TRACE_TASK_AT_WORK;
    uint32_t mutex = make_object(make, TRACE_OBJECT_MUTEX, 0xc000005000);
    make->objects[mutex].flags = TRACE_OBJECT_GO;
    make->objects[mutex].last_owner = locks;
    make->tasks[goroutine(make, OWN + 0x50)].state = TRACE_TASK_CREATED;
    goroutine(make, OWN + 0x60); /* it ran, but was about to end */
    expect(make, "leak runs-on suspected; leak cut-short suspected; leak cut-short suspected; "
                 "leak cut-short suspected; leak never-begun suspected; ");
}

/* One of a pool has not begun; others of it wait. The library's own goroutines are nobody's business. */
static void pool(void **state)
{
    (void)state;
    struct trace_make *make = made();
    struct trace_task *worker = blocked(make, PRIMITIVE_go_receive, channel(make, 1), OWN + 0x100);
    worker->flags |= TRACE_TASK_REACHED_BY;
    struct trace_task *late = &make->tasks[goroutine(make, OWN + 0x10)];
    late->state = TRACE_TASK_CREATED;
    late->create_stack = worker->create_stack;
    make->tasks[goroutine(make, LIBRARY + 0x10)].flags |= TRACE_TASK_AT_WORK;
    expect(make, "");
    /* Nobody waits any more: the first one that did not begin was given a channel that has been closed. */
    make = made();
    late = &make->tasks[goroutine(make, OWN + 0x10)];
    uint32_t site = late->create_stack;
    late->state = TRACE_TASK_CREATED;
    late->flags |= TRACE_TASK_TOLD;
    late = &make->tasks[goroutine(make, OWN + 0x20)];
    late->state = TRACE_TASK_CREATED;
    late->create_stack = site;
    expect(make, "");
}

/* main was in the midst of something when another goroutine called os.Exit. */
static void main_cut_short(void **state)
{
    (void)state;
    for (int defers = 0; defers < 2; defers++) {
        struct trace_make *make = made();
        uint32_t ender = goroutine(make, OWN + 0x10);
        make->process.end_task = ender;
        make->process.end_stack = make_stack(make, (uint64_t[]){LIBRARY, OWN + 0x60}, 2);
        struct trace_task *task = &make->tasks[MAIN];
        task->state = TRACE_TASK_BLOCKED;
        task->flags |= TRACE_TASK_TIMED | (defers ? TRACE_TASK_DEFERS : 0);
        task->primitive = PRIMITIVE_go_sleep;
        expect(make, defers ? "ending exit-elsewhere suspected; " : "");
    }
}

/* ---- growth ---- */

static struct trace_make *grown(uint32_t count, uint64_t step, uint32_t primitive)
{
    struct trace_make *make = made();
    uint32_t stack = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct trace_task *task = blocked(make, primitive, 0, OWN + 0x100);
        task->flags |= TRACE_TASK_TIMED;
        task->create_tsc = START + SECOND / 10 + i * step;
        stack = stack ? stack : task->create_stack;
        task->create_stack = stack;
    }
    return make;
}

static void growth(void **state)
{
    (void)state;
    expect(grown(40, SECOND / 50, PRIMITIVE_go_sleep), "leak growing suspected; ");
    expect(grown(31, SECOND / 50, PRIMITIVE_go_sleep), "");   /* too few */
    expect(grown(40, SECOND / 1000, PRIMITIVE_go_sleep), ""); /* all at once */
    expect(grown(40, SECOND / 150, PRIMITIVE_go_sleep),
           "");                                            /* none any more for most of the time */
    expect(grown(40, SECOND / 50, PRIMITIVE_go_poll), ""); /* each serves somebody */
    struct trace_make *make = grown(40, SECOND / 50, PRIMITIVE_go_sleep);
    struct options options;
    struct report report = {.options = &options};
    char *error = NULL;
    options_default(&options);
    trace_make_write(make);
    assert_true(report_trace(&report, make->path, &error));
    const struct finding *finding = report.items[0].finding;
    assert_int_equal(finding->growth_count, FINDING_MOMENTS);
    assert_int_equal(finding->growth[FINDING_MOMENTS - 1].alive, 40);
    for (uint32_t i = 1; i < FINDING_MOMENTS; i++)
        assert_true(finding->growth[i].alive > finding->growth[i - 1].alive);
    report_free(&report);
    trace_make_free(make);
}

/* Those that are blocked for ever are one finding, with the curve. */
static void growth_of_blocked(void **state)
{
    (void)state;
    struct trace_make *make = grown(40, SECOND / 50, PRIMITIVE_go_block);
    for (uint32_t id = MAIN + 1; id < MAIN + 41; id++)
        make->tasks[id].flags &= ~TRACE_TASK_TIMED;
    struct options options;
    struct report report = {.options = &options};
    char *error = NULL;
    options_default(&options);
    trace_make_write(make);
    assert_true(report_trace(&report, make->path, &error));
    assert_int_equal(report.item_count, 1);
    assert_string_equal(report.items[0].finding->rule, "select-forever");
    assert_int_equal(report.items[0].finding->count, 40);
    assert_int_equal(report.items[0].finding->growth_count, FINDING_MOMENTS);
    report_free(&report);
    trace_make_free(make);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unreachable),    cmocka_unit_test(reached),
        cmocka_unit_test(counted),        cmocka_unit_test(select_cases),
        cmocka_unit_test(by_design),      cmocka_unit_test(in_a_finalizer),
        cmocka_unit_test(in_a_test),      cmocka_unit_test(asleep),
        cmocka_unit_test(panicked),       cmocka_unit_test(threw),
        cmocka_unit_test(exit_elsewhere), cmocka_unit_test(main_returned),
        cmocka_unit_test(main_cut_short), cmocka_unit_test(pool),
        cmocka_unit_test(growth),         cmocka_unit_test(growth_of_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
