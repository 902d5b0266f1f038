/*
 * A request by a channel of capacity 1: its receiver times out, and the sender is rid of the reply all the same.
 *
 * EXPECT: none
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
    channel_send(&reply, NULL);
    return unused;
}

int main(void)
{
    pthread_t thread;
    void *value;
    bool closed;
    channel_make(&reply, 1);
    pthread_create(&thread, NULL, fetch, NULL);
    printf("%d\n", channel_receive_within(&reply, &value, 10, &closed));
    order_signal(1); /* too late */
    pthread_join(thread, NULL);
    return 0;
}
