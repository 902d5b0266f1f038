/*
 * A cancelled thread is joined.
 *
 * EXPECT: none
 * MODE: plain instrumented
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
    pthread_create(&thread, NULL, work, NULL);
    order_wait(1);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
    return 0;
}
