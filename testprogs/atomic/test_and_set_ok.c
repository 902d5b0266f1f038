/*
 * atomic_flag as a lock.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>

static atomic_flag lock = ATOMIC_FLAG_INIT;
long total;

static void *work(void *unused)
{
    for (int i = 0; i < 100; i++) {
        while (atomic_flag_test_and_set(&lock))
            ;
        total++;
        atomic_flag_clear(&lock);
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
