/*
 * Both halves are one atomic word.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_ulong now;

static void *first(void *unused)
{
    for (unsigned long i = 0; i < 100; i++)
        atomic_store_explicit(&now, i << 32 | i, memory_order_relaxed);
    return unused;
}

static void *second(void *unused)
{
    for (int i = 0; i < 100; i++) {
        unsigned long value = atomic_load_explicit(&now, memory_order_relaxed);
        if (value >> 32 != (value & 0xffffffff))
            abort();
    }
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
