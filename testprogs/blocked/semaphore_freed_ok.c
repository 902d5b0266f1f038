/*
 * The waiter is released and joined first.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "../order.h"

static void *waiter(void *argument)
{
    order_block(1);
    sem_wait(argument);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    sem_t *ready = malloc(sizeof(*ready));
    sem_init(ready, 0, 0);
    pthread_create(&thread, NULL, waiter, ready);
    order_blocked(1);
    sem_post(ready);
    pthread_join(thread, NULL);
    sem_destroy(ready);
    free(ready);
    return 0;
}
