/*
 * Detached workers of a pool wait for the next job when main returns: idle by design.
 *
 * EXPECT: none
 * MODE: plain instrumented
 * BARE: yes
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER, finished = PTHREAD_COND_INITIALIZER;
static int jobs, done;

static void *worker(void *unused)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!jobs) {
            order_block(unused ? 1 : 2);
            pthread_cond_wait(&work, &lock);
        }
        jobs--;
        done++;
        pthread_cond_signal(&finished);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    for (int i = 0; i < 2; i++) {
        pthread_create(&thread, NULL, worker, i ? &lock : NULL);
        pthread_detach(thread);
    }
    for (int i = 0; i < 10; i++) {
        pthread_mutex_lock(&lock);
        jobs++;
        pthread_cond_signal(&work);
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_lock(&lock);
    while (done < 10)
        pthread_cond_wait(&finished, &lock);
    pthread_mutex_unlock(&lock);
    order_blocked(1);
    order_blocked(2);
    return 0;
}
