/*
 * main takes two locks at one place twice: before there is another thread, which proves nothing, and afterwards, which is
 * half of a deadlock. The first time must not hide the second.
 *
 * EXPECT: deadlock @a_wants @b_wants [predicted]
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;

static void *other(void *unused)
{
    order_wait(1);
    pthread_mutex_lock(&beta);
    pthread_mutex_lock(&alpha); /* @b_wants */
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&beta);
    return unused;
}

int main(void)
{
    pthread_t thread;
    for (volatile int time = 0; time < 2; time++) {
        pthread_mutex_lock(&alpha);
        pthread_mutex_lock(&beta); /* @a_wants */
        pthread_mutex_unlock(&beta);
        pthread_mutex_unlock(&alpha);
        if (time == 0)
            pthread_create(&thread, NULL, other, NULL);
    }
    order_signal(1);
    pthread_join(thread, NULL);
    return 0;
}
