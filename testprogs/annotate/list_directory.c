/*
 * A function that gives a channel of names: its caller stops at the one that it was looking for, and who reads the directory
 * waits to send the next one.
 *
 * EXPECT: blocked @channel_send list.entries
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../order.h"
#include "../support/channel.h"

static struct list {
    struct channel entries;
} list;

static void *reads(void *unused)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    order_block(1);
    for (int i = 0; i < 4; i++)
        channel_send(&list.entries, (void *)names[i]);
    channel_close(&list.entries);
    return unused;
}

static struct channel *list_directory(void)
{
    pthread_t thread;
    channel_make(&list.entries, 0);
    pthread_create(&thread, NULL, reads, NULL);
    pthread_detach(thread);
    return &list.entries;
}

int main(void)
{
    void *name;
    struct channel *entries = list_directory();
    while (channel_receive(entries, &name))
        if (!strcmp(name, "b"))
            break;
    order_blocked(1);
    puts("found");
    return 0;
}
