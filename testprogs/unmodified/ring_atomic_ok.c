/*
 * A ring for one producer and one consumer: plain moves of two atomic indices order the slots both ways.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define SLOTS 8u

static struct {
    long a, b;
} slots[SLOTS];
static atomic_uint head, tail;
long sum;

static void *first(void *unused)
{
    for (unsigned i = 0; i < 100; i++) {
        while (i - atomic_load_explicit(&tail, memory_order_acquire) == SLOTS)
            sched_yield();
        slots[i % SLOTS].a = slots[i % SLOTS].b = (long)i;
        atomic_store_explicit(&head, i + 1, memory_order_release);
    }
    return unused;
}

static void *second(void *unused)
{
    for (unsigned i = 0; i < 100; i++) {
        while (atomic_load_explicit(&head, memory_order_acquire) == i)
            sched_yield();
        sum += slots[i % SLOTS].a + slots[i % SLOTS].b;
        atomic_store_explicit(&tail, i + 1, memory_order_release);
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
