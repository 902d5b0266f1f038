/*
 * A gate lock that only one of the two threads takes guards nothing.
 *
 * EXPECT: deadlock @a_wants @b_wants [predicted]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_lock(&alpha);
    pthread_mutex_lock(&beta); /* @a_wants */
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&gate);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
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
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
