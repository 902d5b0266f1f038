/*
 * A watcher waits for the end of what it watches, a channel that is closed then: nobody does.
 *
 * EXPECT: blocked @channel_receive cancelled
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

static struct channel cancelled;

static void *watches(void *unused)
{
    void *nothing;
    order_block(1);
    channel_receive(&cancelled, &nothing);
    puts("never");
    return unused;
}

static void *starts(void *unused)
{
    pthread_t thread;
    channel_make(&cancelled, 0);
    pthread_create(&thread, NULL, watches, NULL);
    pthread_detach(thread);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, starts, NULL);
    pthread_join(thread, NULL);
    order_blocked(1);
    puts("done");
    return 0;
}
