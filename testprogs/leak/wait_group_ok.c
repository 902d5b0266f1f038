/*
 * Every way out of the worker counts down.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <sched.h>

#include "../order.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t zero;
    int count;
} group = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 3};

static void done(void)
{
    pthread_mutex_lock(&group.lock);
    if (!--group.count)
        pthread_cond_broadcast(&group.zero);
    pthread_mutex_unlock(&group.lock);
}

static void *work(void *argument)
{
    if (argument)
        sched_yield();
    done();
    return NULL;
}

static void *wait_for_all(void *unused)
{
    pthread_mutex_lock(&group.lock);
    while (group.count) {
        order_block(1);
        pthread_cond_wait(&group.zero, &group.lock);
    }
    pthread_mutex_unlock(&group.lock);
    return unused;
}

int main(void)
{
    pthread_t workers[3], waiter;
    for (int i = 0; i < 3; i++)
        pthread_create(&workers[i], NULL, work, i ? &group : NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(workers[i], NULL);
    pthread_create(&waiter, NULL, wait_for_all, NULL);
    pthread_join(waiter, NULL);
    return 0;
}
