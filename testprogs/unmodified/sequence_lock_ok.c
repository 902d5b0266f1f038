/*
 * A sequence lock whose counter and data are atomic.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdatomic.h>

static atomic_uint sequence;
static atomic_long x, y;
long copy_x, copy_y;

static void *first(void *unused)
{
    for (int i = 1; i < 50; i++) {
        unsigned now = atomic_load_explicit(&sequence, memory_order_relaxed);
        atomic_store_explicit(&sequence, now + 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);
        atomic_store_explicit(&x, i, memory_order_relaxed);
        atomic_store_explicit(&y, i, memory_order_relaxed);
        atomic_store_explicit(&sequence, now + 2, memory_order_release);
    }
    return unused;
}

static void *second(void *unused)
{
    for (int i = 0; i < 50; i++) {
        unsigned before, after;
        do {
            before = atomic_load_explicit(&sequence, memory_order_acquire);
            copy_x = atomic_load_explicit(&x, memory_order_relaxed);
            copy_y = atomic_load_explicit(&y, memory_order_relaxed);
            atomic_thread_fence(memory_order_acquire);
            after = atomic_load_explicit(&sequence, memory_order_relaxed);
        } while (before != after || before % 2);
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
