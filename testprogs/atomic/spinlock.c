/*
 * A spin lock made of compare-and-swap whose unlock is relaxed.
 *
 * EXPECT: race @bump @bump total [proved]
 * PATCHED: none
 * MODE: instrumented clang patched
 * ONLY: stores and loads of all orders are the same instructions on x86-64: only the compiler knows that this one was relaxed
 */
#include <pthread.h>
#include <stdatomic.h>

static atomic_int lock;
long total;

static void *work(void *unused)
{
    for (int i = 0; i < 100; i++) {
        int expected = 0;
        while (!atomic_compare_exchange_weak_explicit(&lock, &expected, 1, memory_order_acquire,
                                                      memory_order_relaxed))
            expected = 0;
        total++; /* @bump */
        atomic_store_explicit(&lock, 0, memory_order_relaxed);
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
    return total != 200;
}
