/*
 * The address of a thread-local variable is handed to another thread.
 *
 * EXPECT: race @owner @other [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <semaphore.h>

#include "../order.h"

static __thread int mine;
static sem_t published;
static int *address;

static void *run(void *unused)
{
    address = &mine;
    sem_post(&published);
    mine = 1; /* @owner */
    order_wait(1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    sem_init(&published, 0, 0);
    pthread_create(&thread, NULL, run, NULL);
    sem_wait(&published);
    *address = 2; /* @other */
    order_signal(1);
    pthread_join(thread, NULL);
    return 0;
}
