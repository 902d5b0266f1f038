/*
 * A pipeline of three stages whose last one stops after the first value: the two before it wait to send for ever.
 *
 * EXPECT: blocked @channel_send numbers
 * EXPECT: blocked @channel_send squares
 * MODE: plain
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

static struct channel numbers, squares;

static void *count(void *unused)
{
    order_block(1);
    for (int i = 0; i < 10; i++)
        channel_send(&numbers, NULL);
    channel_close(&numbers);
    return unused;
}

static void *square(void *unused)
{
    void *item;
    order_block(2);
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
    for (int i = 0; i < 2; i++)
        pthread_detach(threads[i]);
    if (channel_receive(&squares, &item))
        puts("one is enough");
    order_blocked(2);
    order_blocked(1);
    return 0;
}
