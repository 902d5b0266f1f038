/*
 * The lock is given back before the join.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;

static void *worker(void *unused)
{
    order_wait(1);
    order_block(2);
    pthread_mutex_lock(&state);
    pthread_mutex_unlock(&state);
    return unused;
}

static void *boss(void *unused)
{
    pthread_t thread;
    pthread_create(&thread, NULL, worker, NULL);
    pthread_mutex_lock(&state);
    order_signal(1);
    order_blocked(2);
    pthread_mutex_unlock(&state);
    pthread_join(thread, NULL);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, boss, NULL);
    pthread_join(thread, NULL);
    return 0;
}
