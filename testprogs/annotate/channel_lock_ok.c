/*
 * Who sends has given the mutex up that the receiver wants before it receives.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>

#include "../support/channel.h"

static struct channel answers;
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static int rows;

static void *sends(void *unused)
{
    pthread_mutex_lock(&table);
    rows++;
    pthread_mutex_unlock(&table);
    channel_send(&answers, NULL);
    return unused;
}

static void *receives(void *unused)
{
    void *answer;
    pthread_mutex_lock(&table);
    rows++;
    pthread_mutex_unlock(&table);
    channel_receive(&answers, &answer);
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    channel_make(&answers, 0);
    pthread_create(&threads[0], NULL, sends, NULL);
    pthread_create(&threads[1], NULL, receives, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", rows);
    return 0;
}
