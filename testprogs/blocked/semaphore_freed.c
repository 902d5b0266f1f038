/*
 * The memory of a semaphore is freed while a thread waits for it.
 *
 * EXPECT: blocked @wait [proved]
 * MODE: plain
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "../order.h"

static void *waiter(void *argument)
{
    order_block(1);
    sem_wait(argument); /* @wait */
    return NULL;
}

int main(void)
{
    pthread_t thread;
    sem_t *ready = malloc(sizeof(*ready));
    sem_init(ready, 0, 0);
    pthread_create(&thread, NULL, waiter, ready);
    order_blocked(1);
    free(ready); /* @free */
    return 0;
}
