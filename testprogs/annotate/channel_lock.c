/*
 * Who sends holds a mutex that the receiver wants before it receives; and nothing goes on any more.
 *
 * EXPECT: exit hang
 * EXPECT: blocked @channel_send answers [proved]
 * EXPECT: blocked @lock table [proved]
 * EXPECT: blocked @join [proved]
 * MODE: plain
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

static struct channel answers;
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

static void *sends(void *unused)
{
    pthread_mutex_lock(&table);
    order_signal(1);
    channel_send(&answers, NULL);
    pthread_mutex_unlock(&table);
    return unused;
}

static void *receives(void *unused)
{
    void *answer;
    order_wait(1);
    pthread_mutex_lock(&table); /* @lock */
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
    pthread_join(threads[0], NULL); /* @join */
    return 0;
}
