/*
 * A thread joins another one while it holds the lock that one needs.
 *
 * EXPECT: deadlock @join @lock [proved]
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *unused)
{
    order_wait(1);
    order_block(2);
    pthread_mutex_lock(&state); /* @lock */
    pthread_mutex_unlock(&state);
    return unused;
}

static void *boss(void *unused)
{
    pthread_t thread;
    pthread_create(&thread, NULL, worker, NULL);
    pthread_mutex_lock(&state);
    order_signal(1);
    order_blocked(2);
    order_block(3);
    pthread_join(thread, NULL); /* @join */
    pthread_mutex_unlock(&state);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, boss, NULL);
    order_blocked(3);
    return 0;
}
