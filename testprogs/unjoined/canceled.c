/*
 * A thread is cancelled, but nobody joins it afterwards.
 *
 * EXPECT: unjoined @create work [proved]
 * MODE: plain
 */
#include <pthread.h>
#include <unistd.h>

#include "../order.h"

static void *work(void *unused)
{
    order_signal(1);
    for (;;)
        pause();
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL); /* @create */
    order_wait(1);
    pthread_cancel(thread);
    order_gone(1);
    return 0;
}
