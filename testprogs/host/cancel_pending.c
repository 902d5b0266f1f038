/*
 * A pending cancellation is acted upon by every wait that is a cancellation point, even if the wait need not block.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "../order.h"

static sem_t many;
static int canceled;

static void *in_semaphore(void *unused)
{
    order_wait(1);
    for (int i = 0; i < 1000; i++)
        sem_wait(&many);
    return unused;
}

static void *in_timed_semaphore(void *unused)
{
    struct timespec later = {INT32_MAX, 0};
    order_wait(1);
    for (int i = 0; i < 1000; i++)
        sem_timedwait(&many, &later);
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    sem_init(&many, 0, 10000);
    pthread_create(&threads[0], NULL, in_semaphore, NULL);
    pthread_create(&threads[1], NULL, in_timed_semaphore, NULL);
    for (int i = 0; i < 2; i++)
        pthread_cancel(threads[i]);
    order_signal(1);
    for (int i = 0; i < 2; i++) {
        void *result;
        pthread_join(threads[i], &result);
        canceled += result == PTHREAD_CANCELED;
    }
    printf("%d\n", canceled);
    return 0;
}
