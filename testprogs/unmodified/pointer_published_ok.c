/*
 * Readers of an atomic pointer, a writer that waits until both have moved on before it frees the old one.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct version {
    long number, twice;
};

static _Atomic(struct version *) current;
static atomic_long quiet;
long sum;

static void *first(void *unused)
{
    for (long i = 1; i < 50; i++) {
        struct version *made = malloc(sizeof(*made)), *old;
        made->number = i;
        made->twice = 2 * i;
        old = atomic_exchange(&current, made);
        long seen = atomic_load_explicit(&quiet, memory_order_acquire);
        while (atomic_load_explicit(&quiet, memory_order_acquire) < seen + 2 && seen < 1000)
            sched_yield();
        free(old);
    }
    return unused;
}

static void *second(void *unused)
{
    for (long i = 0; i < 1002; i++) {
        struct version *version = atomic_load_explicit(&current, memory_order_acquire);
        if (version && version->twice != 2 * version->number)
            abort();
        if (version)
            sum += version->number;
        atomic_store_explicit(&quiet, i + 1, memory_order_release);
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
