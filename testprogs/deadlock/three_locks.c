/*
 * Three philosophers, three forks, all hungry at once.
 *
 * EXPECT: deadlock @wants @wants @wants [proved]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t forks[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                   PTHREAD_MUTEX_INITIALIZER};

static void *eat(void *argument)
{
    int me = (int)(long)argument;
    pthread_mutex_lock(&forks[me]);
    order_signal(me + 1);
    order_wait(me % 3 + 1);
    order_wait((me + 1) % 3 + 1);
    order_block(me + 11);
    pthread_mutex_lock(&forks[(me + 1) % 3]); /* @wants */
    pthread_mutex_unlock(&forks[(me + 1) % 3]);
    pthread_mutex_unlock(&forks[me]);
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    for (long i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, eat, (void *)i);
    for (int i = 0; i < 3; i++)
        order_blocked(i + 11);
    return 0;
}
