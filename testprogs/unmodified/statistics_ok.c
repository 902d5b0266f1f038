/*
 * Relaxed counters: by LOCKed instructions, and by a load and a store where only one task writes. A third
 * task looks.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdatomic.h>

static atomic_long served, errors;
long seen;

static void *first(void *unused)
{
    for (int i = 0; i < 100; i++) {
        atomic_fetch_add_explicit(&served, 1, memory_order_relaxed);
        atomic_store_explicit(&errors, atomic_load_explicit(&errors, memory_order_relaxed) + 1,
                              memory_order_relaxed);
    }
    return unused;
}

static void *second(void *unused)
{
    for (int i = 0; i < 100; i++) {
        atomic_fetch_add_explicit(&served, 1, memory_order_relaxed);
        seen += atomic_load_explicit(&errors, memory_order_relaxed);
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
