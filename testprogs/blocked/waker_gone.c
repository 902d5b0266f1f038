/*
 * The only thread that ever signalled has ended; the other one waits for the next signal.
 *
 * EXPECT: blocked @wait changed
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ticks;

static void *ticker(void *unused)
{
    pthread_mutex_lock(&lock);
    ticks++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return unused;
}

static void *waiter(void *unused)
{
    pthread_mutex_lock(&lock);
    order_block(1);
    while (ticks < 2)
        pthread_cond_wait(&changed, &lock); /* @wait */
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, waiter, NULL);
    order_blocked(1);
    pthread_create(&b, NULL, ticker, NULL);
    pthread_join(b, NULL);
    order_blocked(1);
    return 0;
}
