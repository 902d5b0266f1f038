/*
 * A pipeline of three stages whose last one takes all that comes.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>
#include <stdio.h>

#include "../support/channel.h"

static struct channel numbers, squares;

static void *count(void *unused)
{
    for (int i = 0; i < 10; i++)
        channel_send(&numbers, NULL);
    channel_close(&numbers);
    return unused;
}

static void *square(void *unused)
{
    void *item;
    while (channel_receive(&numbers, &item))
        channel_send(&squares, item);
    channel_close(&squares);
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    void *item;
    channel_make(&numbers, 0);
    channel_make(&squares, 0);
    pthread_create(&threads[0], NULL, count, NULL);
    pthread_create(&threads[1], NULL, square, NULL);
    while (channel_receive(&squares, &item))
        puts("one is enough");
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
