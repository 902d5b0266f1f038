/*
 * Three philosophers who take the lower fork first.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t forks[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                   PTHREAD_MUTEX_INITIALIZER};

static void *eat(void *argument)
{
    int me = (int)(long)argument, left = me < 2 ? me : 0, right = me < 2 ? me + 1 : 2;
    if (me)
        order_wait(me);
    pthread_mutex_lock(&forks[left]);
    pthread_mutex_lock(&forks[right]);
    pthread_mutex_unlock(&forks[right]);
    pthread_mutex_unlock(&forks[left]);
    order_signal(me + 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    for (long i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, eat, (void *)i);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
