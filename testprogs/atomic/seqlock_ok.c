/*
 * The sequence lock as C11 wants it: its data is atomic too, relaxed.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../order.h"

static atomic_uint sequence;
static atomic_int data_x, data_y;
int copy_x, copy_y;

static void *first(void *unused)
{
    order_wait(1);
    for (int i = 1; i < 20; i++) {
        unsigned now = atomic_load_explicit(&sequence, memory_order_relaxed);
        atomic_store_explicit(&sequence, now + 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);
        atomic_store_explicit(&data_x, i, memory_order_relaxed);
        atomic_store_explicit(&data_y, i, memory_order_relaxed);
        atomic_store_explicit(&sequence, now + 2, memory_order_release);
    }
    return unused;
}

static void *second(void *unused)
{
    unsigned before, after;
    do {
        before = atomic_load_explicit(&sequence, memory_order_acquire);
        copy_x = atomic_load_explicit(&data_x, memory_order_relaxed);
        copy_y = atomic_load_explicit(&data_y, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&sequence, memory_order_relaxed);
    } while (before != after || before % 2);
    order_signal(1);
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
