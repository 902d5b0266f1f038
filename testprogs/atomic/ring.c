/*
 * A queue for one producer and one consumer whose tail is published relaxed.
 *
 * EXPECT: race @put @get [proved]
 * PATCHED: none
 * MODE: instrumented patched
 * ONLY: stores and loads of all orders are the same instructions on x86-64: only the compiler knows that this one was relaxed
 */
#include <pthread.h>
#include <stdatomic.h>

static struct {
    atomic_uint head, tail;
    int slots[8];
} ring;
static long sum;

static void *first(void *unused)
{
    for (int i = 1; i <= 100; i++) {
        unsigned tail = atomic_load_explicit(&ring.tail, memory_order_relaxed);
        while (tail - atomic_load_explicit(&ring.head, memory_order_acquire) == 8)
            ;
        ring.slots[tail % 8] = i; /* @put */
        atomic_store_explicit(&ring.tail, tail + 1, memory_order_relaxed);
    }
    return unused;
}

static void *second(void *unused)
{
    for (int i = 1; i <= 100; i++) {
        unsigned head = atomic_load_explicit(&ring.head, memory_order_relaxed);
        while (head == atomic_load_explicit(&ring.tail, memory_order_acquire))
            ;
        sum += ring.slots[head % 8]; /* @get */
        atomic_store_explicit(&ring.head, head + 1, memory_order_release);
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
