/*
 * go_halt.c with threads that play those of Go's runtime: who is halted, who is asked again, who is left alone, and what is
 * said when one of the latter has moved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "shim/go_halt.c"

#define THREADS    3u
#define STATUS_RUN 2u

/* ---- the rest of the recorder ---- */

struct go_layout go_layout;
struct real real;
__thread struct thread *thread_current;

static struct trace_task records[THREADS + 1];
static struct thread threads[THREADS];
static struct go own[THREADS], carried[THREADS];
static struct m {
    uint32_t call;
} ms[THREADS];
static struct g {
    int64_t id;
    uint32_t status;
    struct m *m;
} gs[THREADS];
static __thread struct g *running;
static __thread bool making;

static const char *status_played;

long apart_read(const char *path, char *text, size_t size)
{
    if (status_played) {
        size_t length = strlen(status_played);
        memcpy(text, status_played, length < size ? length : size);
        return (long)length;
    }
    long fd = raw3(SYS_open, path, 0, 0), got = raw3(SYS_read, fd, text, size);
    raw1(SYS_close, fd);
    return got;
}

struct trace_task *task_record(uint32_t task)
{
    return &records[task];
}

/* After so many of these looks at all threads, one begins that runs goroutines. */
static uint32_t looks_left;
static void one_begins(void);

void task_each_thread(void (*visit)(struct thread *thread, void *data), void *data)
{
    if (looks_left && --looks_left == 0)
        one_begins();
    for (uint32_t i = 0; i < THREADS; i++)
        if (threads[i].go_own && !threads[i].ended)
            visit(&threads[i], data);
}

void *memory_get(size_t size)
{
    return raw_map(NULL, size, 3, 0x22, -1, 0);
}

bool go_statement_under_way(void)
{
    return making;
}

/* ---- what is played ---- */

static pthread_t handles[THREADS];
static volatile uint64_t turns[THREADS];
static volatile bool stop, leave_busy;
static volatile uint32_t sleeps;

/* As one that gets no processor for so long. */
static uint64_t starved_ns;
static void starve(void)
{
    sigset_t all, before;
    const struct timespec time = {(time_t)(starved_ns / 1000000000),
                                  (long)(starved_ns % 1000000000)};
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    raw2(SYS_nanosleep, &time, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void *thread_main(void *data)
{
    uint32_t i = (uint32_t)(uintptr_t)data;
    thread_current = &threads[i];
    running = &gs[i];
    __atomic_store_n(&records[i + 1].os_tid, (uint32_t)gettid(), __ATOMIC_SEQ_CST);
    if (starved_ns)
        starve();
    while (!stop) {
        if (sleeps)
            raw4(SYS_futex, &sleeps, FUTEX_WAIT_PRIVATE, 1, NULL);
        else
            turns[i]++;
        if (threads[i].busy && leave_busy)
            threads[i].busy = 0;
    }
    return NULL;
}

static void start(uint32_t i, uint32_t status, bool deaf)
{
    sigset_t all, before;
    sigfillset(&all);
    gs[i] = (struct g){.id = i + 1, .status = status, .m = &ms[i]};
    own[i] = (struct go){.task = i + 1};
    carried[i] = (struct go){.g = (uintptr_t)&gs[i], .id = i + 1, .task = i + 1};
    threads[i].go_own = &own[i];
    threads[i].go = &carried[i];
    pthread_sigmask(SIG_BLOCK, &all, &before);
    if (!deaf)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(pthread_create(&handles[i], NULL, thread_main, (void *)(uintptr_t)i), 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    while (!__atomic_load_n(&records[i + 1].os_tid, __ATOMIC_SEQ_CST))
        sched_yield();
}

static void one_begins(void)
{
    start(1, STATUS_RUN, false);
}

static int set_up(void **state)
{
    (void)state;
    looks_left = 0;
    memset(threads, 0, sizeof threads);
    memset(records, 0, sizeof records);
    memset(ms, 0, sizeof ms);
    stop = leave_busy = false;
    sleeps = 0;
    status_played = NULL;
    starved_ns = 0;
    char *pointer;
    __asm__("movq %%fs:0, %0" : "=r"(pointer));
    go_layout.g = (char *)&running - pointer;
    go_layout.g_id = offsetof(struct g, id);
    go_layout.g_status = offsetof(struct g, status);
    go_layout.g_m = offsetof(struct g, m);
    go_layout.m_call = offsetof(struct m, call);
    real.sigaction = sigaction;
    return 0;
}

static bool halt_end(void)
{
    bool held = go_halt_held();
    go_halt_end();
    return held;
}

static int tear_down(void **state)
{
    (void)state;
    go_halt_end(); /* after an assertion that did not hold */
    stop = true;
    sleeps = 0;
    raw4(SYS_futex, &sleeps, FUTEX_WAKE_PRIVATE, THREADS, NULL);
    for (uint32_t i = 0; i < THREADS; i++)
        if (threads[i].go_own)
            pthread_join(handles[i], NULL);
    return 0;
}

/* However long it takes until they are given a processor. */
static void halt_surely(void)
{
    while (!go_halt(NULL))
        go_halt_end();
}

/* Both stand, with their stack pointers known, and go on afterwards. */
static void halted(void **state)
{
    (void)state;
    start(0, STATUS_RUN, false);
    start(1, STATUS_RUN, false);
    halt_surely();
    for (uint32_t i = 0; i < 2; i++) {
        const struct go_halted *found = go_halt_find((uintptr_t)&gs[i]);
        if (!found) {
            fail();
            return;
        }
        assert_int_equal(found->count >= GO_HALTED_GENERAL, 1);
        assert_int_equal(found->sp + RED_ZONE, found->words[REG_RSP]);
        uint64_t before = turns[i];
        nap();
        assert_int_equal(turns[i], before);
    }
    assert_null(go_halt_find((uintptr_t)&gs[2]));
    assert_true(halt_end());
    for (uint32_t i = 0; i < 2; i++)
        for (uint64_t before = turns[i]; turns[i] == before;)
            sched_yield();
}

/* One that begins when the first has been halted is halted, too, be it as others are looked for. */
static void begins(void **state)
{
    (void)state;
    for (bool done = false; !done;) {
        start(0, STATUS_RUN, false);
        looks_left = 2;
        done = go_halt(NULL); /* else one was not given a processor in time */
        if (done) {
            assert_int_equal(looks_left, 0);
            assert_non_null(go_halt_find((uintptr_t)&gs[0]));
            assert_non_null(go_halt_find((uintptr_t)&gs[1]));
            assert_true(halt_end());
        }
        tear_down(NULL);
        set_up(NULL);
    }
}

/* One that begins once all stand spoils it; the next time it is known. One that has ended again meanwhile does not count. */
static void begins_afterwards(void **state)
{
    (void)state;
    start(0, STATUS_RUN, false);
    halt_surely();
    looks_left = 1;
    assert_false(go_halt_held());
    assert_null(go_halt_find((uintptr_t)&gs[1]));
    go_halt_end();
    halt_surely();
    assert_non_null(go_halt_find((uintptr_t)&gs[1]));
    assert_true(halt_end());
    halt_surely();
    start(2, STATUS_RUN, false);
    assert_false(go_halt_held());
    threads[2].ended = 1;
    assert_true(halt_end());
}

/* One within our own code is asked until it has left it. */
static void busy(void **state)
{
    (void)state;
    threads[0].busy = 1;
    leave_busy = true;
    start(0, STATUS_RUN, false);
    halt_surely();
    assert_int_equal(threads[0].busy, 0);
    assert_non_null(go_halt_find((uintptr_t)&gs[0]));
    assert_true(halt_end());
}

/* One that never does is not halted, and nothing is proved. */
static void stays_busy(void **state)
{
    (void)state;
    threads[0].busy = 1;
    start(0, STATUS_RUN, false);
    assert_false(go_halt(NULL));
    assert_null(go_halt_find((uintptr_t)&gs[0]));
    assert_false(halt_end());
}

/* One in a system call is left alone; whether it has made another one meanwhile is seen. */
static void in_a_call(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        start(0, STATUS_CALL, false);
        halt_surely();
        assert_null(go_halt_find((uintptr_t)&gs[0]));
        ms[0].call += i;
        assert_int_equal(halt_end(), i == 0);
        tear_down(NULL);
        set_up(NULL);
    }
    start(0, STATUS_CALL, false);
    halt_surely();
    gs[0].status = STATUS_RUN;
    assert_false(halt_end());
}

/* One that blocks signals counts if it sleeps, and does not use the processor. */
static void deaf(void **state)
{
    (void)state;
    start(0, STATUS_RUN, true);
    assert_false(go_halt(NULL));
    assert_false(halt_end());
    sleeps = 1;
    bool same = false;
    while (!same) { /* it gets there some time */
        same = go_halt(NULL);
        assert_null(go_halt_find((uintptr_t)&gs[0]));
        same &= halt_end();
    }
}

/* Where processors are scarce one is waited for, longer than for one that does not answer for another reason. */
static void starved(void **state)
{
    (void)state;
    status_played = "\nState:\tR (running)\nSigBlk:\t0000000000000000\nnothing else";
    starved_ns = WAIT_NS + WAIT_NS / 4;
    start(0, STATUS_RUN, false);
    assert_true(go_halt(NULL));
    assert_non_null(go_halt_find((uintptr_t)&gs[0]));
    assert_true(halt_end());
}

/* A scheduler at work may have taken a timer: it is not halted. One that waits in the kernel is. */
static void scheduler(void **state)
{
    (void)state;
    start(0, STATUS_RUN, false);
    gs[0].id = 0;
    assert_false(go_halt(NULL));
    go_halt_end();
    sleeps = 1;
    halt_surely();
    assert_true(halt_end());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(halted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(begins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(begins_afterwards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(busy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stays_busy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_a_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deaf, set_up, tear_down),
        cmocka_unit_test_setup_teardown(starved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scheduler, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
