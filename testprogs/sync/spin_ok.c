/*
 * A spin lock.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

static pthread_spinlock_t lock;
static int total;

static void *work(void *unused)
{
    for (int i = 0; i < 50; i++) {
        if (i % 2)
            pthread_spin_lock(&lock);
        else
            while (pthread_spin_trylock(&lock))
                sched_yield();
        total++;
        pthread_spin_unlock(&lock);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d\n", total);
    return pthread_spin_destroy(&lock);
}
