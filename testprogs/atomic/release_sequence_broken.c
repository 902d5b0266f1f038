/*
 * A relaxed store of another thread ends the release sequence.
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
    atomic_store_explicit(&state, 1, memory_order_release);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    atomic_store_explicit(&state, 2, memory_order_relaxed);
    order_signal(2);
    return unused;
}

static void *third(void *unused)
{
    order_wait(2);
    if (atomic_load_explicit(&state, memory_order_acquire) == 2)
        copy = data; /* @use */
    return unused;
}

int main(void)
{
    pthread_t a, b, c;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_create(&c, NULL, third, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    pthread_join(c, NULL);
    return 0;
}
