/*
 * Relaxed counters of all sizes, read after the join.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic unsigned char bytes;
static _Atomic unsigned short shorts;
static _Atomic unsigned words;
static _Atomic unsigned long longs;

static void *work(void *unused)
{
    for (int i = 0; i < 50; i++) {
        atomic_fetch_add_explicit(&bytes, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&shorts, 1, memory_order_relaxed);
        atomic_fetch_or_explicit(&words, 1u << i % 32, memory_order_relaxed);
        atomic_fetch_xor_explicit(&longs, 1ul << i, memory_order_relaxed);
        atomic_fetch_and_explicit(&words, ~0u, memory_order_relaxed);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%u %u %u %lu\n", bytes, shorts, words, longs);
    return 0;
}
