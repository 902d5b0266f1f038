/*
 * Main posts the semaphore.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>
#include <semaphore.h>

#include "../order.h"

static sem_t ready;

static void *waiter(void *unused)
{
    order_block(1);
    sem_wait(&ready);
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
    return 0;
}
