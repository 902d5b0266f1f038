/*
 * A sequence lock over plain data: the reader may throw its copy away, the race is there all the same.
 *
 * EXPECT: race @write_x @read_x data_x [proved]
 * EXPECT: race @write_y @read_y data_y [proved]
 * PATCHED: none
 * MODE: instrumented patched
 * ONLY: stores and loads of all orders are the same instructions on x86-64: only the compiler knows that this one was relaxed
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../order.h"

static atomic_uint sequence;
int data_x, data_y;
int copy_x, copy_y;

static void *first(void *unused)
{
    order_wait(1);
    for (int i = 1; i < 20; i++) {
        unsigned now = atomic_load_explicit(&sequence, memory_order_relaxed);
        atomic_store_explicit(&sequence, now + 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_release);
        data_x = i; /* @write_x */
        data_y = i; /* @write_y */
        atomic_store_explicit(&sequence, now + 2, memory_order_release);
    }
    return unused;
}

static void *second(void *unused)
{
    unsigned before, after;
    do {
        before = atomic_load_explicit(&sequence, memory_order_acquire);
        copy_x = data_x; /* @read_x */
        copy_y = data_y; /* @read_y */
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
