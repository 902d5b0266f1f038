/*
 * A timed wait that has not run out when main returns is not blocked forever; its thread is detached on purpose.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>
#include <time.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t tick = PTHREAD_COND_INITIALIZER;

static void *housekeeper(void *unused)
{
    struct timespec later;
    clock_gettime(CLOCK_REALTIME, &later);
    later.tv_sec += 3600;
    pthread_mutex_lock(&lock);
    order_block(1);
    while (!pthread_cond_timedwait(&tick, &lock, &later))
        ;
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, housekeeper, NULL);
    pthread_detach(thread);
    order_blocked(1);
    return 0;
}
