/*
 * The signal comes before the wait and nobody hears it.
 *
 * EXPECT: blocked @wait changed
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *waiter(void *unused)
{
    pthread_mutex_lock(&lock);
    order_block(1);
    pthread_cond_wait(&changed, &lock); /* @wait */
    pthread_mutex_unlock(&lock);
    return unused;
}

static void *signaller(void *unused)
{
    pthread_mutex_lock(&lock);
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, signaller, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, waiter, NULL);
    order_blocked(1);
    return 0;
}
