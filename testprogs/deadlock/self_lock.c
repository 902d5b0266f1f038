/*
 * A thread locks its own mutex again.
 *
 * EXPECT: deadlock @again [proved]
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *unused)
{
    pthread_mutex_lock(&lock);
    order_block(1);
    pthread_mutex_lock(&lock); /* @again */
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    order_blocked(1);
    return 0;
}
