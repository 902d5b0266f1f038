/*
 * A semaphore is destroyed while a thread waits for it.
 *
 * EXPECT: misuse @destroy destroy-waited [proved]
 * EXPECT: blocked @wait ready [proved]
 * MODE: plain
 */
#include <pthread.h>
#include <semaphore.h>

#include "../order.h"

static sem_t ready;

static void *waiter(void *unused)
{
    order_block(1);
    sem_wait(&ready); /* @wait */
    return unused;
}

int main(void)
{
    pthread_t thread;
    sem_init(&ready, 0, 0);
    pthread_create(&thread, NULL, waiter, NULL);
    order_blocked(1);
    sem_destroy(&ready); /* @destroy */
    return 0;
}
