/*
 * A reader wants to write without giving up its read lock.
 *
 * EXPECT: deadlock @upgrade [proved]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

static void *work(void *unused)
{
    pthread_rwlock_rdlock(&lock);
    order_block(1);
    pthread_rwlock_wrlock(&lock); /* @upgrade */
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    order_blocked(1);
    return 0;
}
