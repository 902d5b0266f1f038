/*
 * A request by a channel without a buffer: its receiver times out, and the sender waits forever to be rid of the reply.
 *
 * EXPECT: blocked @channel_send reply
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

static struct channel reply;

static void *fetch(void *unused)
{
    order_wait(1);
    order_block(2);
    channel_send(&reply, NULL);
    return unused;
}

int main(void)
{
    pthread_t thread;
    void *value;
    bool closed;
    channel_make(&reply, 0);
    pthread_create(&thread, NULL, fetch, NULL);
    pthread_detach(thread);
    printf("%d\n", channel_receive_within(&reply, &value, 10, &closed));
    order_signal(1); /* too late */
    order_blocked(2);
    return 0;
}
