/*
 * Three threads, each waiting for the next one to end.
 *
 * EXPECT: deadlock @join @join @join [proved]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_t threads[3];

static void *work(void *argument)
{
    int me = (int)(long)argument;
    order_wait(9);
    order_block(me + 1);
    pthread_join(threads[(me + 1) % 3], NULL); /* @join */
    return NULL;
}

int main(void)
{
    for (long i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    order_signal(9);
    for (int i = 0; i < 3; i++)
        order_blocked(i + 1);
    return 0;
}
