/*
 * Opposite orders within one thread.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    pthread_mutex_lock(&alpha);
    pthread_mutex_lock(&beta);
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    pthread_mutex_lock(&beta);
    pthread_mutex_lock(&alpha);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&beta);
    return unused;
}

int main(void)
{
    first(NULL);
    second(NULL);
    return 0;
}
