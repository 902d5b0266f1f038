/*
 * A mutex and a C11 mutex in opposite order.
 *
 * EXPECT: deadlock @a_wants @b_wants [predicted]
 * MODE: plain
 */
#include <pthread.h>
#include <threads.h>

#include "../order.h"

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER;
static mtx_t beta;

static void *first(void *unused)
{
    pthread_mutex_lock(&alpha);
    mtx_lock(&beta); /* @a_wants */
    mtx_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    mtx_lock(&beta);
    pthread_mutex_lock(&alpha); /* @b_wants */
    pthread_mutex_unlock(&alpha);
    mtx_unlock(&beta);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    mtx_init(&beta, mtx_plain);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
