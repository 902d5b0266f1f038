/*
 * A compare-and-swap that fails with a relaxed failure order acquires nothing.
 *
 * EXPECT: race @fill @use data [proved]
 * PATCHED: none
 * MODE: instrumented clang patched
 * ONLY: stores and loads of all orders are the same instructions on x86-64: only the compiler knows that this one was relaxed
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../order.h"

static atomic_int state;
int data;
int copy;

static void *first(void *unused)
{
    data = 42; /* @fill */
    atomic_store_explicit(&state, 5, memory_order_release);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    int expected = 0;
    order_wait(1);
    if (!atomic_compare_exchange_strong_explicit(&state, &expected, 1, memory_order_acq_rel,
                                                 memory_order_relaxed))
        copy = data; /* @use */
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
