/*
 * The release fence stands behind the store: too late.
 *
 * EXPECT: race @fill @use data [proved]
 * PATCHED: none
 * MODE: instrumented patched
 * ONLY: a fence of less than full order is no instruction on x86-64
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
    atomic_thread_fence(memory_order_release);
    return unused;
}

static void *second(void *unused)
{
    while (!atomic_load_explicit(&ready, memory_order_relaxed))
        ;
    atomic_thread_fence(memory_order_acquire);
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
