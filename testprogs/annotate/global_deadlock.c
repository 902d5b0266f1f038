/*
 * Two threads each send to the other one before they receive, by channels without a buffer.
 *
 * EXPECT: exit hang
 * EXPECT: blocked @channel_send left [proved]
 * EXPECT: blocked @channel_send right [proved]
 * EXPECT: blocked @join [proved]
 * MODE: plain
 */
#include <pthread.h>
#include <stdio.h>

#include "../support/channel.h"

static struct channel left, right;

static void *work(void *first)
{
    struct channel *to = first, *from = to == &left ? &right : &left;
    void *value;
    channel_send(to, NULL);
    channel_receive(from, &value);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    channel_make(&left, 0);
    channel_make(&right, 0);
    pthread_create(&threads[0], NULL, work, &left);
    pthread_create(&threads[1], NULL, work, &right);
    pthread_join(threads[0], NULL); /* @join */
    return 0;
}
