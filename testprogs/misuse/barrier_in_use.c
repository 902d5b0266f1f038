/*
 * A barrier is initialised again while a thread waits at it.
 *
 * EXPECT: misuse @again barrier-in-use [proved]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_barrier_t barrier;

static void *work(void *unused)
{
    order_block(1);
    pthread_barrier_wait(&barrier);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, work, NULL);
    order_blocked(1);
    pthread_barrier_init(&barrier, NULL, 1); /* @again */
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    return 0;
}
