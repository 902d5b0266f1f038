/*
 * A semaphore used as a lock, but initialised with two.
 *
 * EXPECT: race @bump @bump total [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <semaphore.h>

#include "../order.h"

static sem_t lock;
int total;

static void *work(void *unused)
{
    sem_wait(&lock);
    order_signal(unused ? 1 : 2);
    order_wait(unused ? 2 : 1);
    total++; /* @bump */
    sem_post(&lock);
    return NULL;
}

int main(void)
{
    pthread_t a, b;
    sem_init(&lock, 0, 2);
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, &lock);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    sem_destroy(&lock);
    return 0;
}
