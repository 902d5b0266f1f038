/*
 * Atomic operations against C11's rules: who is after whom, told by the edges that the sync streams get. Several tasks
 * are played by one thread, step by step, so that every interleaving is one test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/atomic.c"
#include "shim/clock.c"

#include "shim/clock_model.h"

static uint32_t x32, y32;
static uint64_t x64;

#define RELAXED __ATOMIC_RELAXED
#define ACQUIRE __ATOMIC_ACQUIRE
#define RELEASE __ATOMIC_RELEASE
#define BOTH    __ATOMIC_ACQ_REL

/* ---- tests ---- */

static void test_message(void **state)
{
    (void)state;
    as(1);
    uint64_t wrote = threads[1].segment;
    __tsan_atomic32_store(&x32, 7, RELEASE);
    assert_int_equal(last_touch.segment, wrote);
    assert_int_equal(last_touch.kind, KIND_ATOMIC(32) | TRACE_KIND_WRITE);
    assert_int_equal(last_touch.size, 4);
    assert_true(threads[1].segment > wrote);
    as(2);
    assert_int_equal(__tsan_atomic32_load(&x32, ACQUIRE), 7);
    assert_int_equal(last_touch.kind, KIND_ATOMIC(32));
    assert_int_equal(knows(2, 1), wrote);
    as(3);
    __tsan_atomic32_load(&x32, RELAXED);
    assert_int_equal(knows(3, 1), 0);
}

/* Nothing new, nothing written: neither edges nor segments. */
static void test_spin(void **state)
{
    (void)state;
    as(1);
    __tsan_atomic32_store(&x32, 1, RELEASE);
    as(2);
    __tsan_atomic32_load(&x32, ACQUIRE);
    uint64_t segment = threads[2].segment;
    for (uint32_t i = 0; i < 1000; i++)
        __tsan_atomic32_load(&x32, ACQUIRE);
    knows(2, 1);
    assert_int_equal(edge_count, 1);
    assert_int_equal(threads[2].segment, segment);
}

static void test_relaxed_needs_no_object(void **state)
{
    (void)state;
    as(1);
    __tsan_atomic32_store(&x32, 1, RELAXED);
    __tsan_atomic32_fetch_add(&x32, 1, RELAXED);
    __tsan_atomic32_load(&x32, RELAXED);
    __tsan_atomic32_load(&x32, ACQUIRE);
    assert_int_equal(object_count, 1);
    assert_int_equal(x32, 2);
}

static void test_release_sequence(void **state)
{
    (void)state;
    as(1);
    uint64_t wrote = threads[1].segment;
    __tsan_atomic32_store(&x32, 1, RELEASE);
    as(2);
    __tsan_atomic32_fetch_add(&x32, 1, RELAXED); /* carries the sequence on */
    as(3);
    __tsan_atomic32_load(&x32, ACQUIRE);
    assert_int_equal(knows(3, 1), wrote);
    assert_int_equal(knows(3, 2), 0);
    as(1);
    __tsan_atomic32_store(&x32, 5, RELAXED); /* the same thread: so does it */
    as(4);
    __tsan_atomic32_load(&x32, ACQUIRE);
    assert_int_equal(knows(4, 1), wrote);
    as(2);
    __tsan_atomic32_store(&x32, 9, RELAXED); /* another's store ends it */
    as(5);
    __tsan_atomic32_load(&x32, ACQUIRE);
    assert_int_equal(knows(5, 1), 0);
    assert_int_equal(knows(5, 2), 0);
}

static void test_joins(void **state)
{
    (void)state;
    as(1);
    uint64_t first = threads[1].segment;
    __tsan_atomic64_fetch_add(&x64, 1, RELEASE);
    as(2);
    uint64_t second = threads[2].segment;
    __tsan_atomic64_fetch_add(&x64, 1, RELEASE);
    assert_int_equal(knows(2, 1), 0);
    as(3);
    __tsan_atomic64_fetch_sub(&x64, 1, ACQUIRE);
    assert_int_equal(knows(3, 1), first);
    assert_int_equal(knows(3, 2), second);
    as(4);
    __tsan_atomic64_exchange(&x64, 1, BOTH); /* after both, so its one pair stands for all three */
    uint64_t fourth = threads[4].segment - 1;
    as(5);
    __tsan_atomic64_load(&x64, __ATOMIC_SEQ_CST);
    assert_int_equal(knows(5, 4), fourth);
    assert_int_equal(knows(5, 1), first);
    assert_int_equal(knows(5, 2), second);
    as(6);
    __tsan_atomic64_store(&x64, 1, RELEASE); /* replaces */
    as(7);
    __tsan_atomic64_load(&x64, ACQUIRE);
    assert_int_equal(knows(7, 1), 0);
    assert_int_equal(knows(7, 6), 1);
}

/* More releasers than a clock has room for: none is forgotten. */
static void test_many_join(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < TASKS - 1; i++) {
        as(i);
        __tsan_atomic32_fetch_add(&x32, 1, RELEASE);
    }
    as(TASKS - 1);
    __tsan_atomic32_load(&x32, ACQUIRE);
    for (uint32_t i = 1; i < TASKS - 1; i++)
        assert_int_equal(knows(TASKS - 1, i), 1);
}

static void test_fences(void **state)
{
    (void)state;
    as(1);
    uint64_t wrote = threads[1].segment;
    __tsan_atomic_thread_fence(RELEASE);
    uint64_t later = threads[1].segment;
    assert_true(later > wrote);
    __tsan_atomic32_store(&x32, 1, RELAXED);
    assert_int_equal(last_touch.segment,
                     later); /* the store itself is not before those who read it */
    as(2);
    __tsan_atomic32_load(&x32, RELAXED);
    assert_int_equal(knows(2, 1), 0);
    __tsan_atomic_thread_fence(ACQUIRE);
    assert_int_equal(knows(2, 1), wrote);
    as(3);
    __tsan_atomic32_load(&x32, ACQUIRE);
    assert_int_equal(knows(3, 1), wrote);
    as(4);
    __tsan_atomic_thread_fence(ACQUIRE); /* too early */
    __tsan_atomic32_load(&x32, RELAXED);
    assert_int_equal(knows(4, 1), 0);
    as(5);
    __tsan_atomic32_fetch_or(&x32, 4, RELAXED); /* reads relaxed, carries the sequence on */
    __tsan_atomic_signal_fence(__ATOMIC_SEQ_CST);
    assert_int_equal(knows(5, 1), 0);
    __tsan_atomic_thread_fence(__ATOMIC_SEQ_CST);
    assert_int_equal(knows(5, 1), wrote);
    as(6);
    __tsan_atomic32_load(&y32, RELAXED);
    __tsan_atomic_thread_fence(ACQUIRE);
    assert_int_equal(knows(6, 1), 0);
}

static void test_fence_then_rmw(void **state)
{
    (void)state;
    as(1);
    __tsan_atomic32_store(&x32, 1, RELEASE);
    as(2);
    uint64_t wrote = threads[2].segment;
    __tsan_atomic_thread_fence(RELEASE);
    __tsan_atomic32_fetch_add(&x32, 1, RELAXED);
    as(3);
    __tsan_atomic32_load(&x32, ACQUIRE);
    assert_int_equal(knows(3, 1), 1);
    assert_int_equal(knows(3, 2), wrote);
}

static void test_swap(void **state)
{
    (void)state;
    x32 = 5;
    as(1);
    uint32_t expected = 4;
    assert_int_equal(__tsan_atomic32_compare_exchange_strong(&x32, &expected, 6, BOTH, ACQUIRE), 0);
    assert_int_equal(expected, 5);
    assert_int_equal(last_touch.kind, KIND_ATOMIC(32)); /* it only read */
    uint64_t failed = threads[1].segment;
    assert_int_equal(__tsan_atomic32_compare_exchange_weak(&x32, &expected, 6, RELEASE, RELAXED),
                     1);
    assert_int_equal(last_touch.kind, KIND_ATOMIC(32) | TRACE_KIND_WRITE);
    assert_int_equal(last_touch.segment, failed);
    as(2);
    assert_int_equal(__tsan_atomic32_compare_exchange_val(&x32, 1, 2, RELAXED, RELAXED), 6);
    assert_int_equal(knows(2, 1), 0);
    expected = 1;
    __tsan_atomic32_compare_exchange_strong(&x32, &expected, 6, RELAXED,
                                            ACQUIRE); /* fails, and acquires */
    assert_int_equal(knows(2, 1), failed);
    as(3);
    expected = 1;
    __tsan_atomic32_compare_exchange_strong(&x32, &expected, 6, RELEASE,
                                            RELAXED); /* fails: releases nothing */
    as(4);
    __tsan_atomic32_load(&x32, ACQUIRE);
    assert_int_equal(knows(4, 3), 0);
    assert_int_equal(knows(4, 1), failed);
    assert_int_equal(x32, 6);
}

static void test_strange_orders(void **state)
{
    (void)state;
    as(1);
    __tsan_atomic32_store(&x32, 3, 77);
    as(2);
    assert_int_equal(__tsan_atomic32_load(&x32, -4), 3);
    assert_int_equal(knows(2, 1), 1);
    as(3);
    __tsan_atomic32_load(&x32, __ATOMIC_CONSUME);
    assert_int_equal(knows(3, 1), 1);
}

static void test_values(void **state)
{
    (void)state;
    as(1);
#define VALUES(bits, type)                                                                        \
    {                                                                                             \
        static _Alignas(16) type v;                                                               \
        type all = (type) ~(type)0;                                                               \
        __tsan_atomic##bits##_store(&v, all, RELAXED);                                            \
        assert_true(__tsan_atomic##bits##_load(&v, RELAXED) == all);                              \
        assert_true(__tsan_atomic##bits##_fetch_add(&v, 3, RELAXED) == all && v == 2);            \
        assert_true(__tsan_atomic##bits##_fetch_sub(&v, 5, RELAXED) == 2 && v == (type)-3);       \
        assert_true(__tsan_atomic##bits##_fetch_and(&v, 12, RELAXED) == (type)-3 && v == 12);     \
        assert_true(__tsan_atomic##bits##_fetch_or(&v, 3, RELAXED) == 12 && v == 15);             \
        assert_true(__tsan_atomic##bits##_fetch_xor(&v, 6, RELAXED) == 15 && v == 9);             \
        assert_true(__tsan_atomic##bits##_fetch_nand(&v, 8, RELAXED) == 9 &&                      \
                    v == (type) ~(type)8);                                                        \
        assert_true(__tsan_atomic##bits##_exchange(&v, 1, RELAXED) == (type) ~(type)8 && v == 1); \
        type e = 2;                                                                               \
        assert_int_equal(                                                                         \
            __tsan_atomic##bits##_compare_exchange_strong(&v, &e, 4, RELAXED, RELAXED), 0);       \
        assert_true(e == 1 && v == 1);                                                            \
        assert_int_equal(                                                                         \
            __tsan_atomic##bits##_compare_exchange_weak(&v, &e, all, RELAXED, RELAXED), 1);       \
        assert_true(v == all);                                                                    \
        assert_true(__tsan_atomic##bits##_compare_exchange_val(&v, all, 7, RELAXED, RELAXED) ==   \
                        all &&                                                                    \
                    v == 7);                                                                      \
        assert_int_equal(last_touch.size, sizeof(type));                                          \
    }
    VALUES(8, uint8_t)
    VALUES(16, uint16_t)
    VALUES(32, uint32_t)
    VALUES(64, uint64_t)
    native128 wide_minus = (native128)0 - 9, wide_three = (native128)0 - 3;
    static _Alignas(16) native128 v;
    __tsan_atomic128_store(&v, (native128)1 << 100, RELAXED);
    assert_true(__tsan_atomic128_fetch_sub(&v, 3, RELAXED) == (native128)1 << 100);
    assert_true(__tsan_atomic128_load(&v, RELAXED) == ((native128)1 << 100) + wide_three);
    __tsan_atomic128_exchange(&v, 8, RELAXED);
    assert_true(__tsan_atomic128_fetch_nand(&v, 8, RELAXED) == 8 && v == wide_minus);
    assert_int_equal(last_touch.size, 16);
}

/* Within ourselves, and where the recorder is off, the operation alone remains. */
static void test_guard(void **state)
{
    (void)state;
    as(1);
    threads[1].busy = 1;
    x32 = 1;
    assert_int_equal(__tsan_atomic32_fetch_add(&x32, 4, __ATOMIC_SEQ_CST), 1);
    __tsan_atomic32_store(&x32, 9, RELEASE);
    assert_int_equal(__tsan_atomic32_load(&x32, ACQUIRE), 9);
    assert_int_equal(touch_count, 0);
    assert_int_equal(object_count, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        TEST(test_message),          TEST(test_spin),   TEST(test_relaxed_needs_no_object),
        TEST(test_release_sequence), TEST(test_joins),  TEST(test_many_join),
        TEST(test_fences),           TEST(test_swap),   TEST(test_fence_then_rmw),
        TEST(test_strange_orders),   TEST(test_values), TEST(test_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
