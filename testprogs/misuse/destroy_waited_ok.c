/*
 * A semaphore is destroyed after the waiter has been joined.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>
#include <semaphore.h>
#include <time.h>

#include "../order.h"

static sem_t ready;

static void *waiter(void *unused)
{
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_sec += 1;
    order_block(1);
    sem_timedwait(&ready, &soon);
    return unused;
}

int main(void)
{
    pthread_t thread;
    sem_init(&ready, 0, 0);
    pthread_create(&thread, NULL, waiter, NULL);
    order_blocked(1);
    sem_post(&ready);
    pthread_join(thread, NULL);
    sem_destroy(&ready);
    return 0;
}
