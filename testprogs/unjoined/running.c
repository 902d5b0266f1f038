/*
 * A joinable thread is still running when main returns.
 *
 * EXPECT: unjoined @create work
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static void *work(void *unused)
{
    order_signal(1);
    order_wait(2);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL); /* @create */
    order_wait(1);
    return 0;
}
