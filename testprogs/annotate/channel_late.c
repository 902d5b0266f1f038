/*
 * What a channel does not order: what a sender does after it has sent; what a receiver did, for a sender that finds room
 * all the same.
 *
 * EXPECT: race @late @use value[0]
 * EXPECT: race @received @sent value[1]
 * ONLY: the lock inside is an exchange, which machine code shows as the order that it is; the ABI can leave it out
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

static struct channel channel;
static int value[2];

static void *sender(void *unused)
{
    channel_send(&channel, NULL);
    value[0]++; /* @late */
    order_signal(1);
    order_wait(2);
    channel_send(&channel, NULL); /* into the second place: no receive had to come first */
    value[1]++;                   /* @sent */
    return unused;
}

static void *receiver(void *unused)
{
    void *item;
    order_wait(1);
    value[1]++; /* @received */
    channel_receive(&channel, &item);
    value[0]++; /* @use */
    order_signal(2);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    channel_make(&channel, 2);
    pthread_create(&a, NULL, sender, NULL);
    pthread_create(&b, NULL, receiver, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d %d\n", value[0], value[1]);
    return 0;
}
