/*
 * A worker waits for the next job while the thread that hands out jobs is at work on it: when main ends the program that one
 * is still there, and has sent before. Such waiting is by design. So is that of a thread that waits for a group which somebody
 * who is at work has taken down before.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"
#include "../support/channel.h"

static struct channel jobs;
static int group, done;

static void *work(void *unused)
{
    void *job;
    while (channel_receive(&jobs, &job))
        if (++done == 2) {
            gorocheck_group_done(&group);
            order_block(1);
        }
    return unused;
}

static void *hand_out(void *unused)
{
    gorocheck_group_add(&group, 2);
    channel_send(&jobs, NULL);
    channel_send(&jobs, NULL);
    order_signal(2);
    for (volatile int forever = 1; forever;)
        order_nap(1000);
    channel_send(&jobs, NULL);
    return unused;
}

int main(void)
{
    pthread_t worker, server;
    channel_make(&jobs, 1);
    pthread_create(&worker, NULL, work, NULL);
    pthread_detach(worker);
    pthread_create(&server, NULL, hand_out, NULL);
    pthread_detach(server);
    order_wait(2);
    order_blocked(1);
    puts("done");
    _exit(fflush(stdout));
}
