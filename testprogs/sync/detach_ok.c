/*
 * A detached thread that hands over its result and is gone before main returns.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "../order.h"

static sem_t done;
static int value;

static void *work(void *unused)
{
    value = 42;
    sem_post(&done);
    order_signal(1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    sem_init(&done, 0, 0);
    pthread_create(&thread, NULL, work, NULL);
    pthread_detach(thread);
    sem_wait(&done);
    printf("%d\n", value);
    order_gone(1);
    return 0;
}
