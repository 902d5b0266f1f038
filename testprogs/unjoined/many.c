/*
 * Five threads of one place, none joined: one finding.
 *
 * EXPECT: unjoined @create work [proved]
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static void *work(void *argument)
{
    order_signal((int)(long)argument);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    for (long i = 1; i <= 5; i++)
        pthread_create(&thread, NULL, work, (void *)i); /* @create */
    for (int i = 1; i <= 5; i++)
        order_gone(i);
    return 0;
}
