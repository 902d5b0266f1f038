/*
 * Unit tests of the detectors that read the tables (blocked, unjoined, misuse) and of the exit
 * status: each builds the end of a run as the recorder would leave it, and compares all findings.
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
#include "analyzer/trace_make.h"

static struct options options;

/* A program whose main task runs to its end. */
static struct trace_make *made(void)
{
    struct trace_make *make = trace_make_new();
    make->tasks[1].state = TRACE_TASK_RUNNING;
    return make;
}

/* A joinable thread that waits; times are ticks of a nanosecond since the start at 1000. */
static uint32_t waits(struct trace_make *make, uint32_t primitive, uint32_t object, uint64_t since)
{
    uint64_t pc = 0x5000 + 16 * (uint64_t)object;
    uint32_t id = make_task(make, 1, "worker");
    struct trace_task *task = &make->tasks[id];
    task->state = TRACE_TASK_BLOCKED;
    task->primitive = primitive;
    task->object = object;
    task->since_tsc = since;
    task->wait_stack = make_stack(make, &pc, 1);
    return id;
}

static void owned(struct trace_make *make, uint32_t object, uint32_t task)
{
    make->objects[object].owner = task;
    make->objects[object].owner_count = 1;
}

static uint32_t ended(struct trace_make *make)
{
    uint32_t id = make_task(make, 1, "gone");
    make->tasks[id].state = TRACE_TASK_ENDED;
    make->tasks[id].exit = TRACE_EXIT_RETURN;
    make->tasks[id].flags = TRACE_TASK_JOINED;
    return id;
}

/* Killed from outside: no end was recorded. */
static void killed(struct trace_make *make)
{
    make->process.end = TRACE_END_NONE;
}

static void main_waits(struct trace_make *make, uint32_t primitive, uint32_t object, uint64_t value)
{
    struct trace_task *task = &make->tasks[1];
    task->state = TRACE_TASK_BLOCKED;
    task->primitive = primitive;
    task->object = object;
    task->wait_value = value;
    task->since_tsc = 5000;
}

static void cycle(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x100);
    uint32_t b = make_object(make, TRACE_OBJECT_MUTEX, 0x200);
    uint32_t first = waits(make, PRIMITIVE_pthread_mutex_lock, b, 5000);
    uint32_t second = waits(make, PRIMITIVE_pthread_mutex_lock, a, 6000);
    owned(make, a, first);
    owned(make, b, second);
    waits(make, PRIMITIVE_pthread_mutex_lock, a, 7000);
    expect(make, "deadlock wait-cycle proved; blocked waits-for-stuck proved; ");
}

static void self(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x100);
    owned(make, a, waits(make, PRIMITIVE_pthread_mutex_lock, a, 5000));
    expect(make, "deadlock self-deadlock proved; ");
}

static void readers_cycle(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_RWLOCK, 0x100);
    uint32_t b = make_object(make, TRACE_OBJECT_RWLOCK, 0x200);
    uint32_t first = waits(make, PRIMITIVE_pthread_rwlock_wrlock, b, 5000);
    uint32_t second = waits(make, PRIMITIVE_pthread_rwlock_wrlock, a, 6000);
    make->tasks[first].held[0] = (struct trace_held){.object = a, .mode = TRACE_MODE_SHARED};
    make->tasks[second].held[0] = (struct trace_held){.object = b, .mode = TRACE_MODE_SHARED};
    make->tasks[first].held_count = make->tasks[second].held_count = 1;
    make->objects[a].readers = make->objects[b].readers = 1;
    expect(make, "deadlock wait-cycle proved; ");
}

/* Who waits with a deadline gives up some time: no finding but that nobody joins them. */
static void timed(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x100);
    uint32_t b = make_object(make, TRACE_OBJECT_MUTEX, 0x200);
    uint32_t first = waits(make, PRIMITIVE_pthread_mutex_timedlock, b, 5000);
    uint32_t second = waits(make, PRIMITIVE_pthread_mutex_lock, a, 6000);
    make->tasks[first].flags |= TRACE_TASK_TIMED | TRACE_TASK_DETACHED;
    make->tasks[second].flags |= TRACE_TASK_DETACHED;
    owned(make, a, first);
    owned(make, b, second);
    expect(make, "");
}

static void owner_gone(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x100);
    owned(make, a, ended(make));
    waits(make, PRIMITIVE_pthread_mutex_lock, a, 5000);
    expect(make, "blocked owner-gone proved; ");
}

static void owner_at_work(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x100);
    owned(make, a, 1);
    waits(make, PRIMITIVE_pthread_mutex_lock, a, 5000);
    expect(make, "unjoined running-at-exit proved; ");
}

static void parent_held(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x100);
    make->objects[a].flags |= TRACE_OBJECT_PARENT_HELD;
    killed(make);
    main_waits(make, PRIMITIVE_pthread_mutex_lock, a, 0);
    expect(make, "blocked fork-held proved; ");
}

static void destroyed(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_SEMAPHORE, 0x100);
    uint32_t b = make_object(make, TRACE_OBJECT_SEMAPHORE, 0x200);
    make->objects[a].state = TRACE_OBJECT_DESTROYED;
    make->objects[b].state = TRACE_OBJECT_FREED;
    waits(make, PRIMITIVE_sem_wait, a, 5000);
    waits(make, PRIMITIVE_sem_wait, b, 5000);
    expect(make, "blocked object-destroyed proved; blocked object-freed proved; ");
}

static void lost_wakeup(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_COND, 0x100);
    struct trace_object *object = &make->objects[a];
    object->posts = object->unheard = 1;
    object->last_post_tsc = object->unheard_tsc = 4000;
    object->last_post_task = object->unheard_task = 1;
    waits(make, PRIMITIVE_pthread_cond_wait, a, 5000);
    expect(make, "blocked lost-wakeup suspected; ");
}

/* Who is woken again and again works for somebody: no finding if it is detached. */
static void idle_worker(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_COND, 0x100);
    struct trace_object *object = &make->objects[a];
    object->posts = 3;
    object->last_post_tsc = 4000;
    object->last_post_task = 1;
    uint32_t worker = waits(make, PRIMITIVE_pthread_cond_wait, a, 5000);
    make->tasks[worker].flags |= TRACE_TASK_DETACHED;
    expect(make, "");
}

static struct trace_make *never_signalled(uint32_t *worker)
{
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_COND, 0x100);
    *worker = waits(make, PRIMITIVE_pthread_cond_wait, a, 5000);
    make->objects[a].create_task = 1;
    return make;
}

/* No work ever came for it. If it had told somebody something before, it would wait for an answer. */
static void idle_unused(void **state)
{
    (void)state;
    uint32_t worker;
    struct trace_make *make = never_signalled(&worker);
    make->tasks[worker].flags |= TRACE_TASK_DETACHED;
    expect(make, "");
    make = never_signalled(&worker);
    make->objects[make_object(make, TRACE_OBJECT_COND, 0x200)].last_post_task = worker;
    make->objects[2].last_post_tsc = 4000;
    expect(make, "blocked never-signalled suspected; ");
    make = never_signalled(&worker);
    make->tasks[worker].flags |= TRACE_TASK_FOREIGN;
    make->objects[make_object(make, TRACE_OBJECT_COND, 0x200)].last_post_task = worker;
    make->objects[2].last_post_tsc = 4000;
    expect(make, "");
}

/* A semaphore that nobody posted: whom nobody can join is not awaited by anybody. */
static void idle_semaphore(void **state)
{
    (void)state;
    for (int detached = 0; detached < 2; detached++) {
        struct trace_make *make = made();
        uint32_t a = make_object(make, TRACE_OBJECT_SEMAPHORE, 0x100);
        uint32_t worker = waits(make, PRIMITIVE_sem_wait, a, 5000);
        make->objects[a].create_task = 1;
        make->tasks[worker].flags |= detached ? TRACE_TASK_DETACHED : 0;
        expect(make, detached ? "" : "blocked never-posted suspected; ");
    }
}

/* It signalled last itself, but was woken before, by main, which uses the mutex too. */
static void idle_self_signal(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_COND, 0x100);
    uint32_t m = make_object(make, TRACE_OBJECT_MUTEX, 0x200);
    uint32_t worker = waits(make, PRIMITIVE_pthread_cond_wait, a, 5000);
    struct trace_object *object = &make->objects[a];
    object->posts = 9;
    object->unheard = 5;
    object->unheard_tsc = object->last_post_tsc = 4000;
    object->unheard_task = object->last_post_task = worker;
    object->mutex = m;
    make->objects[m].last_owner = 1;
    make->tasks[worker].flags |= TRACE_TASK_DETACHED;
    expect(make, "");
}

static void waker_gone(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_COND, 0x100);
    struct trace_object *object = &make->objects[a];
    object->posts = 3;
    object->last_post_tsc = 4000;
    object->last_post_task = ended(make);
    waits(make, PRIMITIVE_pthread_cond_wait, a, 5000);
    expect(make, "blocked waker-gone suspected; ");
}

/* Main waits to join a task that waits for what nobody posts: nothing in the process can go on. */
static void hang(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_SEMAPHORE, 0x100);
    uint32_t t = make_object(make, TRACE_OBJECT_TASK, 0x900);
    uint32_t worker = waits(make, PRIMITIVE_sem_wait, a, 4000);
    main_waits(make, PRIMITIVE_pthread_join, t, worker);
    killed(make);
    expect(make, "blocked never-posted proved; blocked waits-for-stuck proved; ");
}

/* The same, but some task runs: it might post. */
static void busy(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_SEMAPHORE, 0x100);
    uint32_t runner = make_task(make, 1, "busy");
    make->tasks[runner].state = TRACE_TASK_RUNNING;
    make->objects[a].create_task = runner;
    waits(make, PRIMITIVE_sem_wait, a, 4000);
    killed(make);
    expect(make, "");
}

static void barrier(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_BARRIER, 0x100);
    make->objects[a].waiters = 2;
    make->objects[a].value = 3;
    make->objects[a].posts = 5; /* the second round lacks one */
    uint32_t worker = waits(make, PRIMITIVE_pthread_barrier_wait, a, 4000);
    make->tasks[worker].wait_value = 2;
    main_waits(make, PRIMITIVE_pthread_barrier_wait, a, 2);
    killed(make);
    expect(make, "blocked barrier-short proved; blocked barrier-short proved; ");
}

static void barrier_may_fill(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_BARRIER, 0x100);
    uint32_t worker = waits(make, PRIMITIVE_pthread_barrier_wait, a, 4000);
    make->objects[a].value = 2;
    make->objects[a].posts = 1;
    make->tasks[worker].wait_value = 1;
    killed(make);
    expect(make, "");
}

static struct trace_make *three_wait(uint64_t arrivals, int64_t count, int64_t not_signalled)
{
    struct trace_make *make = made();
    uint32_t barrier = make_object(make, TRACE_OBJECT_BARRIER, 0x100);
    make->objects[barrier].value = 2;
    make->objects[barrier].posts = arrivals;
    make->tasks[waits(make, PRIMITIVE_pthread_barrier_wait, barrier, 4000)].wait_value = 1;
    uint32_t semaphore = make_object(make, TRACE_OBJECT_SEMAPHORE, 0x200);
    make->objects[semaphore].value = count;
    waits(make, PRIMITIVE_sem_wait, semaphore, 4000);
    uint32_t condition = make_object(make, TRACE_OBJECT_COND, 0x300);
    make->objects[condition].value = not_signalled;
    make->objects[condition].last_post_tsc = 4500;
    make->objects[condition].posts = 1;
    waits(make, PRIMITIVE_pthread_cond_wait, condition, 4000);
    return make;
}

static void wake_on_its_way(void **state)
{
    (void)state;
    expect(three_wait(2, 1, 0), "unjoined running-at-exit proved x3; ");
    expect(three_wait(1, 0, 1), "blocked barrier-short suspected; blocked never-posted suspected; "
                                "blocked nobody-left suspected; ");
}

/* The signal came, but the mutex is held by a task that is stuck. */
static void relock(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t c = make_object(make, TRACE_OBJECT_COND, 0x100);
    uint32_t m = make_object(make, TRACE_OBJECT_MUTEX, 0x200);
    make->objects[c].posts = 1;
    make->objects[c].last_post_tsc = 6000;
    make->objects[c].last_post_task = 1;
    owned(make, m, ended(make));
    uint32_t worker = waits(make, PRIMITIVE_pthread_cond_wait, c, 5000);
    make->tasks[worker].object2 = m;
    expect(make, "blocked owner-gone proved; ");
}

static void never_joined(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint64_t pc = 0x7000;
    uint32_t stack = make_stack(make, &pc, 1);
    for (int i = 0; i < 4; i++) {
        uint32_t id = ended(make);
        make->tasks[id].flags = i == 3 ? TRACE_TASK_DETACHED : 0;
        make->tasks[id].create_stack = stack;
    }
    expect(make, "unjoined never-joined proved x3; ");
}

static void detached_at_work(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t id = make_task(make, 1, "busy");
    make->tasks[id].state = TRACE_TASK_RUNNING;
    make->tasks[id].flags = TRACE_TASK_DETACHED;
    expect(make, "unjoined detached-running suspected; ");
}

static void not_by_itself(void **state)
{
    (void)state;
    struct trace_make *make = made();
    make->tasks[ended(make)].flags = 0;
    make->process.end = TRACE_END_UNDER;
    expect(make, "");
}

/* What the tables say is of the moment when the recorder gave up. */
static void stopped(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x100);
    owned(make, a, waits(make, PRIMITIVE_pthread_mutex_lock, a, 5000));
    strcpy(make->process.off_reason, "disk full");
    expect(make, "");
}

/* Another process may signal. */
static void shared(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t c = make_object(make, TRACE_OBJECT_COND, 0x100);
    uint32_t m = make_object(make, TRACE_OBJECT_MUTEX, 0x200);
    make->objects[m].flags |= TRACE_OBJECT_SHARED;
    main_waits(make, PRIMITIVE_pthread_cond_wait, c, 0);
    make->tasks[1].object2 = m;
    killed(make);
    expect(make, "");
}

static void misuse(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x100);
    for (uint32_t detail = 1; detail < TRACE_MISUSE_COUNT; detail++) {
        struct trace_sync record = {.type = TRACE_SYNC_MISUSE, .object = a, .detail = detail};
        struct trace_sync twice = record;
        if (detail == 1)
            make_switch(make, 0, 1, 1);
        make_sync(make, 0, &record);
        make_sync(make, 0, &twice);
    }
    char *text = expect_findings(make), *expected = memory_text("");
    for (uint32_t detail = 1; detail < TRACE_MISUSE_COUNT; detail++) {
        char *rule = memory_text(trace_misuse_name[detail]);
        for (char *c = rule; *c; c++)
            *c = *c == '_' ? '-' : (char)(*c + ('a' - 'A'));
        char *longer = memory_format("%smisuse %s proved x2; ", expected, rule);
        free(rule);
        free(expected);
        expected = longer;
    }
    assert_string_equal(text, expected);
    free(text);
    free(expected);
    trace_make_free(make);
}

/* The relock is told as the deadlock it led to. */
static void misuse_told(void **state)
{
    (void)state;
    struct trace_make *make = made();
    uint32_t a = make_object(make, TRACE_OBJECT_MUTEX, 0x100);
    uint32_t worker = waits(make, PRIMITIVE_pthread_mutex_lock, a, 5000);
    owned(make, a, worker);
    struct trace_sync record = {
        .type = TRACE_SYNC_MISUSE, .object = a, .detail = TRACE_MISUSE_RELOCK_SELF};
    make_switch(make, 0, worker, 1);
    make_sync(make, 0, &record);
    expect(make, "deadlock self-deadlock proved; ");
}

/* ---- exit status ---- */

static bool whole; /* of the last report */

static int status_of(struct trace_make *make, int own, double timeout, uint32_t main_pid)
{
    struct report report = {.options = &options, .timeout = timeout, .end.pid = main_pid};
    char *error = NULL;
    options_default(&options);
    trace_make_write(make);
    assert_true(report_trace(&report, make->path, &error));
    report_finish(&report, own);
    int status = report.status;
    whole = report.whole;
    report_free(&report);
    trace_make_free(make);
    return status;
}

static struct trace_make *clean(void)
{
    struct trace_make *make = made();
    ended(make);
    make->process.events = 5;
    return make;
}

static void statuses(void **state)
{
    (void)state;
    assert_int_equal(status_of(clean(), 0, 0, 0), STATUS_CLEAN);
    assert_int_equal(status_of(clean(), STATUS_FAILURE, 0, 0), STATUS_FAILURE);
    assert_true(whole); /* the program's own status */
    assert_int_equal(status_of(clean(), 0, 2, 0), STATUS_FINDINGS);
    assert_int_equal(status_of(made(), 0, 0, 0), STATUS_NOTHING);
    assert_int_equal(status_of(made(), 1, 0, 0), 1);
    struct trace_make *make = clean();
    make->process.lost_sync = 1;
    assert_int_equal(status_of(make, 0, 0, 0), STATUS_FAILURE);
    make = clean();
    make->process.lost_sync = 1;
    assert_int_equal(status_of(make, 1, 0, 0), 1);
    assert_false(whole);
    make = clean();
    killed(make);
    assert_int_equal(status_of(make, 0, 0, 0), STATUS_FAILURE);
    make = clean();
    killed(make);
    assert_int_equal(status_of(make, 0, 0, 4000000000u), STATUS_FAILURE);
    make = clean();
    killed(make); /* a child may be killed; the program itself may not */
    assert_int_equal(status_of(make, 0, 0, 77), STATUS_CLEAN);
    make = clean();
    make->process.end = TRACE_END_OFF;
    assert_int_equal(status_of(make, 0, 0, 77), STATUS_FAILURE);
    make = clean();
    make->process.lost_sync = 1;
    make->tasks[2].flags = 0; /* never joined: a finding wins */
    assert_int_equal(status_of(make, 5, 0, 0), STATUS_FINDINGS);
}

/* Who has waited for the program knows how it ended. */
static void end_known(void **state)
{
    (void)state;
    struct trace_make *make = clean();
    struct report report = {
        .options = &options,
        .end = {.pid = 4000000000u, .status = 9, .tsc = 5000, .ns = 1000004000}};
    char *error = NULL;
    options_default(&options);
    killed(make);
    make->process.end_tsc = make->process.end_ns = 0;
    trace_make_write(make);
    assert_true(report_trace(&report, make->path, &error));
    assert_int_equal(report.processes[0].trace->process.end, TRACE_END_SIGNAL);
    assert_int_equal(report.processes[0].trace->process.end_code, 9);
    assert_int_equal(report.processes[0].trace->process.end_tsc, 5000);
    assert_true(coverage_whole(&report.processes[0]));
    report_free(&report);
    trace_make_free(make);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cycle),
        cmocka_unit_test(self),
        cmocka_unit_test(readers_cycle),
        cmocka_unit_test(timed),
        cmocka_unit_test(owner_gone),
        cmocka_unit_test(owner_at_work),
        cmocka_unit_test(parent_held),
        cmocka_unit_test(destroyed),
        cmocka_unit_test(lost_wakeup),
        cmocka_unit_test(idle_worker),
        cmocka_unit_test(idle_unused),
        cmocka_unit_test(idle_semaphore),
        cmocka_unit_test(idle_self_signal),
        cmocka_unit_test(waker_gone),
        cmocka_unit_test(hang),
        cmocka_unit_test(busy),
        cmocka_unit_test(barrier),
        cmocka_unit_test(barrier_may_fill),
        cmocka_unit_test(wake_on_its_way),
        cmocka_unit_test(relock),
        cmocka_unit_test(never_joined),
        cmocka_unit_test(detached_at_work),
        cmocka_unit_test(not_by_itself),
        cmocka_unit_test(misuse),
        cmocka_unit_test(stopped),
        cmocka_unit_test(shared),
        cmocka_unit_test(misuse_told),
        cmocka_unit_test(statuses),
        cmocka_unit_test(end_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
