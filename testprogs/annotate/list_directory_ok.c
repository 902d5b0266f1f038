/*
 * A function that gives a channel of names: its caller says when it has enough, and who reads the directory selects on that.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../support/channel.h"

static struct channel entries, enough;
static pthread_t reader;

static void *reads(void *unused)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        void *name = (void *)names[i], *nothing;
        struct channel_case cases[] = {{.channel = &enough, .value = &nothing},
                                       {.channel = &entries, .value = &name, .sends = true}};
        if (channel_select(cases, 2) == 0)
            return unused;
    }
    channel_close(&entries);
    return unused;
}

static struct channel *list_directory(void)
{
    channel_make(&entries, 1);
    channel_make(&enough, 0);
    pthread_create(&reader, NULL, reads, NULL);
    return &entries;
}

int main(void)
{
    void *name;
    struct channel *found = list_directory();
    while (channel_receive(found, &name))
        if (!strcmp(name, "b"))
            break;
    channel_close(&enough);
    pthread_join(reader, NULL);
    puts("found");
    return 0;
}
