/*
 * A relaxed flag carries no order: the data it announces is raced for.
 *
 * EXPECT: race @fill @use data [proved]
 * PATCHED: none
 * MODE: instrumented clang patched
 * ONLY: stores and loads of all orders are the same instructions on x86-64: only the compiler knows that this one was relaxed
 */
#include <pthread.h>
#include <stdatomic.h>

static atomic_int ready;
int data;
int copy;

static void *first(void *unused)
{
    data = 42; /* @fill */
    atomic_store_explicit(&ready, 1, memory_order_relaxed);
    return unused;
}

static void *second(void *unused)
{
    while (!atomic_load_explicit(&ready, memory_order_relaxed))
        ;
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
