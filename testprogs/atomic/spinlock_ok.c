/*
 * The same lock with a releasing unlock.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
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
        total++;
        atomic_store_explicit(&lock, 0, memory_order_release);
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
