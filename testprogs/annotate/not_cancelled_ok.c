/*
 * Two watchers wait for the end of what they watch, a channel that is closed then.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>

#include "../support/channel.h"

static struct channel cancelled;
static int reason, seen[2];

static void *watches(void *number)
{
    void *nothing;
    channel_receive(&cancelled, &nothing);
    seen[*(int *)number] = reason;
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    channel_make(&cancelled, 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, watches, &numbers[i]);
    reason = 7;
    channel_close(&cancelled);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", seen[0] + seen[1]);
    return 0;
}
