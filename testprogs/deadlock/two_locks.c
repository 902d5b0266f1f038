/*
 * Two threads take two locks in opposite order and meet. Main returns while they hang.
 *
 * EXPECT: deadlock @a_wants @b_wants [proved]
 * MODE: plain instrumented clang
 * BARE: yes
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
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    return unused;
}

static void *second(void *unused)
{
    pthread_mutex_lock(&beta);
    order_block(2);
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
    order_blocked(1);
    order_blocked(2);
    return 0;
}
