/*
 * Reader/writer locks: each thread reads one and wants to write the other.
 *
 * EXPECT: deadlock @a_wants @b_wants [proved]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_rwlock_t alpha = PTHREAD_RWLOCK_INITIALIZER, beta = PTHREAD_RWLOCK_INITIALIZER;

static void *first(void *unused)
{
    pthread_rwlock_rdlock(&alpha);
    order_signal(1);
    order_wait(2);
    order_block(3);
    pthread_rwlock_wrlock(&beta); /* @a_wants */
    pthread_rwlock_unlock(&beta);
    pthread_rwlock_unlock(&alpha);
    return unused;
}

static void *second(void *unused)
{
    pthread_rwlock_rdlock(&beta);
    order_signal(2);
    order_wait(1);
    order_block(4);
    pthread_rwlock_wrlock(&alpha); /* @b_wants */
    pthread_rwlock_unlock(&alpha);
    pthread_rwlock_unlock(&beta);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    order_blocked(3);
    order_blocked(4);
    return 0;
}
