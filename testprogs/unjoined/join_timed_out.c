/*
 * A timed join gives up and nobody tries again.
 *
 * EXPECT: unjoined @create work
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "../order.h"

static void *work(void *unused)
{
    order_wait(1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    struct timespec now;
    pthread_create(&thread, NULL, work, NULL); /* @create */
    clock_gettime(CLOCK_REALTIME, &now);
    int first = pthread_timedjoin_np(thread, NULL, &now);
    int second = pthread_tryjoin_np(thread, NULL);
    printf("%d %d\n", first == ETIMEDOUT, second == EBUSY);
    return 0;
}
