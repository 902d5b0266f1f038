/*
 * A thread that has ended is neither joined nor detached.
 *
 * EXPECT: unjoined @create work [proved]
 * MODE: plain instrumented
 * BARE: yes
 */
#include <pthread.h>

#include "../order.h"

static int value;

static void *work(void *unused)
{
    value = 1;
    order_signal(1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL); /* @create */
    order_gone(1);
    return 0;
}
