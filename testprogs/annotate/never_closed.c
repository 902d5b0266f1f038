/*
 * A consumer ranges over a channel that nobody closes; main joins it.
 *
 * EXPECT: blocked @channel_receive work-queue [proved]
 * EXPECT: blocked @join [proved]
 * EXPECT: exit hang
 * MODE: plain
 */
#include <pthread.h>
#include <stdio.h>

#include "../support/channel.h"

static struct channel queue;

static void *consume(void *unused)
{
    void *item;
    int count = 0;
    while (channel_receive(&queue, &item))
        count++;
    printf("%d\n", count);
    return unused;
}

int main(void)
{
    pthread_t thread;
    channel_make(&queue, 2);
    gorocheck_name(&queue, "work queue");
    pthread_create(&thread, NULL, consume, NULL);
    for (int i = 0; i < 5; i++)
        channel_send(&queue, NULL);
    pthread_join(thread, NULL); /* @join */
    return 0;
}
