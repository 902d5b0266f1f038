/*
 * A worker selects on two channels, one for jobs and one for the end: its client leaves without closing either of them.
 *
 * EXPECT: blocked @channel_select quit
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

static struct channel jobs, quit;
static int done;

static void *work(void *unused)
{
    void *job;
    struct channel_case cases[] = {{.channel = &jobs, .value = &job},
                                   {.channel = &quit, .value = &job}};
    order_block(1);
    while (channel_select(cases, 2) == 0)
        done++;
    return unused;
}

static void *asks(void *unused)
{
    channel_send(&jobs, NULL);
    return unused;
}

int main(void)
{
    pthread_t worker, client;
    channel_make(&jobs, 2);
    channel_make(&quit, 0);
    pthread_create(&worker, NULL, work, NULL);
    pthread_detach(worker);
    pthread_create(&client, NULL, asks, NULL);
    pthread_join(client, NULL);
    order_blocked(1);
    puts("done");
    return 0;
}
