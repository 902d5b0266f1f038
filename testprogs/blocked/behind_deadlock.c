/*
 * Two threads are deadlocked; a third one waits for a lock of theirs.
 *
 * EXPECT: deadlock @a_wants @b_wants [proved]
 * EXPECT: blocked @third alpha [proved]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    pthread_mutex_lock(&alpha);
    order_block(1);
    order_wait(2);
    pthread_mutex_lock(&beta); /* @a_wants */
    return unused;
}

static void *second(void *unused)
{
    pthread_mutex_lock(&beta);
    order_block(2);
    order_wait(1);
    pthread_mutex_lock(&alpha); /* @b_wants */
    return unused;
}

static void *third(void *unused)
{
    order_wait(1);
    order_block(3);
    pthread_mutex_lock(&alpha); /* @third */
    return unused;
}

int main(void)
{
    pthread_t a, b, c;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_create(&c, NULL, third, NULL);
    order_blocked(1);
    order_blocked(2);
    order_blocked(3);
    return 0;
}
