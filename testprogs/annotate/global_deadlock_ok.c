/*
 * Two threads each send to the other one before they receive, by channels with room for the value.
 *
 * EXPECT: none
 * MODE: plain instrumented
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
    channel_make(&left, 1);
    channel_make(&right, 1);
    pthread_create(&threads[0], NULL, work, &left);
    pthread_create(&threads[1], NULL, work, &right);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    puts("done");
    return 0;
}
