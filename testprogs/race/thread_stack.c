/*
 * A thread publishes the address of its local variable; another one writes it while its owner does.
 *
 * EXPECT: race @owner @other [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <semaphore.h>

#include "../order.h"

static sem_t published;
int *address;

static void *run(void *unused)
{
    int local = 0;
    address = &local;
    sem_post(&published);
    local = 1; /* @owner */
    order_wait(1);
    return local ? unused : NULL;
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
