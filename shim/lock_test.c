/*
 * The moment that a task waits for a mutex: it ends, whoever holds the mutex, and what it says is what stood there at the end.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shim/lock.c"

static struct object object;
static struct thread thread_self = {.task = 1};

static void a_mutex_that_is_kept(void **unused)
{
    (void)unused;
    processors = 2;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    assert_true(lock_await(&thread_self, &object, (uintptr_t)&mutex));
    pthread_mutex_lock(&mutex);
    assert_false(lock_await(&thread_self, &object, (uintptr_t)&mutex));
    pthread_mutex_unlock(&mutex);
    assert_true(lock_await(&thread_self, &object, (uintptr_t)&mutex));
}

static void *unlock(void *mutex)
{
    pthread_mutex_unlock(mutex);
    return NULL;
}

static void a_mutex_that_is_given_up_meanwhile(void **unused)
{
    (void)unused;
    processors = 2;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, unlock, &mutex), 0);
    while (!lock_await(&thread_self, &object, (uintptr_t)&mutex))
        sched_yield();
    assert_int_equal(pthread_mutex_trylock(&mutex), 0);
    pthread_join(thread, NULL);
}

static void others_are_not_waited_for(void **unused)
{
    (void)unused;
    processors = 2;
    static const int kinds[] = {16, 32, 64, 16 | 32, 16 | 2, 64 | 1};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
        mutex.__data.__kind = kinds[i];
        assert_false(lock_await(&thread_self, &object, (uintptr_t)&mutex));
    }
    pthread_mutex_t shared_recursive = PTHREAD_MUTEX_INITIALIZER;
    shared_recursive.__data.__kind = 128 | 1;
    assert_true(lock_await(&thread_self, &object, (uintptr_t)&shared_recursive));
}

static void one_processor_has_nobody_to_wait_for(void **unused)
{
    (void)unused;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    size_t first = 0;
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    processors = 0;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    assert_false(lock_await(&thread_self, &object, (uintptr_t)&mutex));
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    processors = 0;
    assert_int_equal(lock_await(&thread_self, &object, (uintptr_t)&mutex), CPU_COUNT(&before) > 1);
}

/* The other, task 2, had come to segment 1000 when it gave the lock to this one. */
static void other_has_come_to(uint32_t task, uint64_t segment)
{
    *clock_seen(&thread_self, 2) = (struct seen){.task = 2, .owner = 1, .segment = 1000};
    object_clock(&object)->task = task;
    object_clock(&object)->segment = segment;
}

static void a_task_in_a_loop_is_known_by_its_segments(void **unused)
{
    (void)unused;
    uint64_t many = UINT64_MAX / 2;
    object = (struct object){0};
    assert_false(in_a_loop(&thread_self, &object, tsc_now() - TURN_TICKS)); /* nobody */
    other_has_come_to(2, 1050);
    assert_false(in_a_loop(&thread_self, &object, tsc_now() - 100 * TURN_TICKS));
    other_has_come_to(2, many);
    assert_true(in_a_loop(&thread_self, &object, tsc_now() - 100 * TURN_TICKS));
    other_has_come_to(1, many); /* it has not given it up since this one did */
    assert_false(in_a_loop(&thread_self, &object, tsc_now() - 100 * TURN_TICKS));
    other_has_come_to(3, many); /* how far that one was is not known */
    assert_false(in_a_loop(&thread_self, &object, tsc_now() - 100 * TURN_TICKS));
}

static void who_meets_loops_sleeps(void **unused)
{
    (void)unused;
    processors = 2;
    object = (struct object){0};
    other_has_come_to(2, UINT64_MAX / 2);
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    waits = (struct waits){0};
    for (int32_t i = 1; i <= LOOPS_SURE; i++) {
        assert_false(lock_await(&thread_self, &object, (uintptr_t)&mutex));
        assert_int_equal(waits.loops, i);
    }
    uint64_t from = tsc_now();
    assert_false(lock_await(&thread_self, &object, (uintptr_t)&mutex));
    assert_true(tsc_now() - from > SLEEP_NS); /* a tick is less than a nanosecond */
    assert_int_equal(waits.loops, LOOPS_SURE + 1);
    pthread_mutex_unlock(&mutex);
    assert_true(lock_await(&thread_self, &object, (uintptr_t)&mutex));
}

static void who_slept_in_vain_does_not_soon_again(void **unused)
{
    (void)unused;
    processors = 2;
    object = (struct object){0};
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    waits = (struct waits){.object = &object, .loops = LOOPS_SURE};
    uint64_t from = tsc_now();
    assert_false(lock_await(&thread_self, &object,
                            (uintptr_t)&mutex)); /* sleeps; nobody takes it meanwhile */
    assert_true(tsc_now() - from > WAIT_ROUNDS * WAIT_TICKS);
    assert_int_equal(waits.loops, LOOPS_WRONG);
    assert_false(lock_await(&thread_self, &object, (uintptr_t)&mutex));
    assert_int_equal(waits.loops, LOOPS_WRONG);
    struct object other = {0};
    assert_false(lock_await(&thread_self, &other, (uintptr_t)&mutex));
    assert_int_equal(waits.loops, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_that_is_kept),
        cmocka_unit_test(a_mutex_that_is_given_up_meanwhile),
        cmocka_unit_test(others_are_not_waited_for),
        cmocka_unit_test(a_task_in_a_loop_is_known_by_its_segments),
        cmocka_unit_test(who_meets_loops_sleeps),
        cmocka_unit_test(who_slept_in_vain_does_not_soon_again),
        cmocka_unit_test(one_processor_has_nobody_to_wait_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
