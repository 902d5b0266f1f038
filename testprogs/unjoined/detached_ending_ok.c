/*
 * A detached thread hands over its result and is still on its way out when main returns: nobody needs to wait for that.
 * It is held back until the program's own exit handlers have run.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * ENV: GOROCHECK_OPTIONS=exit_wait_ms=10000
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "../order.h"

static sem_t done;
static int value;

static void *work(void *unused)
{
    value = 42;
    sem_post(&done);
    order_wait(1);
    return unused;
}

static void let_go(void)
{
    order_signal(1);
}

int main(void)
{
    pthread_t thread;
    atexit(let_go);
    sem_init(&done, 0, 0);
    pthread_create(&thread, NULL, work, NULL);
    pthread_detach(thread);
    sem_wait(&done);
    return value != 42;
}
