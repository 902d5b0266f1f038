/*
 * The condition variable is used well, but its flag is set outside the lock.
 *
 * EXPECT: race @set @test ready [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
int ready;

static void *waiter(void *unused)
{
    pthread_mutex_lock(&lock);
    order_signal(2);
    order_wait(1);
    while (!ready) /* @test */
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, waiter, NULL);
    order_wait(2);
    ready = 1; /* @set */
    order_signal(1);
    pthread_mutex_lock(&lock);
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(thread, NULL);
    return 0;
}
