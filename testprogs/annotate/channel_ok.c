/*
 * The orders of a channel: a send before its receive; a receive before the send that takes its place; without a buffer both
 * ways; a close before the receive that sees it.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <pthread.h>
#include <stdio.h>

#include "../support/channel.h"

static struct channel buffered, meeting, slots, done;
static int items[20], turns, slot_users, result;

static void *producer(void *unused)
{
    for (int i = 0; i < 20; i++) {
        items[i] = i;
        channel_send(&buffered, &items[i]);
    }
    channel_close(&buffered);
    for (int i = 0; i < 20; i++) {
        turns++; /* in turn with the consumer: each meeting orders both */
        channel_send(&meeting, NULL);
        channel_send(&meeting, NULL);
    }
    return unused;
}

static void *consumer(void *unused)
{
    void *item;
    int sum = 0;
    while (channel_receive(&buffered, &item))
        sum += *(int *)item;
    for (int i = 0; i < 20; i++) {
        channel_receive(&meeting, &item);
        turns++;
        channel_receive(&meeting, &item);
    }
    result = sum;
    channel_close(&done);
    return unused;
}

/* A channel of capacity 1 as a lock: put in to take it, take out to give it back. */
static void *user(void *unused)
{
    void *item;
    for (int i = 0; i < 20; i++) {
        channel_send(&slots, NULL);
        slot_users++;
        channel_receive(&slots, &item);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[4];
    void *(*const works[])(void *) = {producer, consumer, user, user};
    void *item;
    channel_make(&buffered, 3);
    channel_make(&meeting, 0);
    channel_make(&slots, 1);
    channel_make(&done, 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, works[i], NULL);
    channel_receive(&done, &item);
    printf("%d\n", result);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    gorocheck_channel_destroy(&slots);
    printf("%d %d\n", turns, slot_users);
    return 0;
}
