/*
 * A detached thread is joined.
 *
 * EXPECT: misuse @join join-detached [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

#include "../order.h"

static void *work(void *unused)
{
    order_signal(2);
    order_wait(1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_detach(thread);
    int error = pthread_join(thread, NULL); /* @join */
    order_signal(1);
    order_gone(2);
    return error != EINVAL;
}
