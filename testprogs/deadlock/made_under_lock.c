/*
 * Main has alpha while it makes the thread, but then takes both locks a second time: in between the thread may begin.
 *
 * EXPECT: deadlock @a_wants @b_wants [predicted]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;

static void *thread(void *unused)
{
    pthread_mutex_lock(&alpha);
    pthread_mutex_unlock(&alpha);
    order_wait(1);
    pthread_mutex_lock(&beta);
    pthread_mutex_lock(&alpha); /* @b_wants */
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&beta);
    return unused;
}

int main(void)
{
    pthread_t made;
    pthread_mutex_lock(&alpha);
    pthread_create(&made, NULL, thread, NULL);
    pthread_mutex_lock(&beta);
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_lock(&alpha);
    pthread_mutex_lock(&beta); /* @a_wants */
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    order_signal(1);
    pthread_join(made, NULL);
    return 0;
}
