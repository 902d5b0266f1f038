/*
 * The deadlock of two_locks.c, and main waits for one of its threads: the program hangs and is ended.
 *
 * EXPECT: deadlock @a_wants @b_wants [proved]
 * EXPECT: blocked @join [proved]
 * EXPECT: exit hang
 * TIMEOUT: 2
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    pthread_mutex_lock(&alpha);
    order_signal(1);
    order_wait(2);
    pthread_mutex_lock(&beta); /* @a_wants */
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    return unused;
}

static void *second(void *unused)
{
    pthread_mutex_lock(&beta);
    order_signal(2);
    order_wait(1);
    pthread_mutex_lock(&alpha); /* @b_wants */
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&beta);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL); /* @join */
    pthread_join(b, NULL);
    return 0;
}
