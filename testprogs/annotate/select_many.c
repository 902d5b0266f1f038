/*
 * A worker selects on twenty channels, more than most do. All clients have gone without closing any: each of them is named,
 * the last one and those in between. In the right program the eleventh one comes back.
 *
 * EXPECT: blocked @channel_select last
 * MODE: plain instrumented
 * REPORT: waits in a select on 20 channels
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

enum { CHANNELS = 20, SERVED = 11 };

static struct channel channels[CHANNELS];
static int done;

static void *work(void *unused)
{
    void *jobs[CHANNELS];
    struct channel_case cases[CHANNELS];
    for (int i = 0; i < CHANNELS; i++)
        cases[i] = (struct channel_case){.channel = &channels[i], .value = &jobs[i]};
    order_block(1);
    while (channel_select(cases, CHANNELS) == SERVED)
        done++;
    return unused;
}

static void *asks(void *unused)
{
    channel_send(&channels[SERVED], NULL);
    return unused;
}

int main(void)
{
    pthread_t worker, client;
    for (int i = 0; i < CHANNELS; i++)
        channel_make_named(&channels[i], i == SERVED ? 2 : 0, i == CHANNELS - 1 ? "last" : "other");
    pthread_create(&worker, NULL, work, NULL);
    pthread_detach(worker);
    pthread_create(&client, NULL, asks, NULL);
    pthread_join(client, NULL);
    order_blocked(1);
    puts("done");
    return 0;
}
