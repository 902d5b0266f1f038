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

static void a_mutex_that_is_kept(void **unused)
{
    (void)unused;
    processors = 2;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    assert_true(lock_await((uintptr_t)&mutex));
    pthread_mutex_lock(&mutex);
    assert_false(lock_await((uintptr_t)&mutex));
    pthread_mutex_unlock(&mutex);
    assert_true(lock_await((uintptr_t)&mutex));
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
    while (!lock_await((uintptr_t)&mutex))
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
        assert_false(lock_await((uintptr_t)&mutex));
    }
    pthread_mutex_t shared_recursive = PTHREAD_MUTEX_INITIALIZER;
    shared_recursive.__data.__kind = 128 | 1;
    assert_true(lock_await((uintptr_t)&shared_recursive));
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
    assert_false(lock_await((uintptr_t)&mutex));
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    processors = 0;
    assert_int_equal(lock_await((uintptr_t)&mutex), CPU_COUNT(&before) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_that_is_kept),
        cmocka_unit_test(a_mutex_that_is_given_up_meanwhile),
        cmocka_unit_test(others_are_not_waited_for),
        cmocka_unit_test(one_processor_has_nobody_to_wait_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
