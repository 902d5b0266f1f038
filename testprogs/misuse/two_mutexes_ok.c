/*
 * Two threads wait on one condition variable with one mutex.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ready;

static void *first(void *unused)
{
    pthread_mutex_lock(&one);
    order_block(1);
    while (!ready)
        pthread_cond_wait(&changed, &one);
    pthread_mutex_unlock(&one);
    return unused;
}

static void *second(void *unused)
{
    order_blocked(1);
    pthread_mutex_lock(&one);
    order_block(2);
    while (!ready)
        pthread_cond_wait(&changed, &one);
    pthread_mutex_unlock(&one);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    order_blocked(2);
    pthread_mutex_lock(&one);
    ready = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&one);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
