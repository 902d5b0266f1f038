/*
 * A worker selects on three channels, of which one has lost its sender, one is sent to later, and one is closed at the end;
 * and it sends its results by a select.
 *
 * EXPECT: none
 * MODE: plain instrumented clang
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/channel.h"

static struct channel jobs, orders, quit, results;
static int values[8], sum;

static void *work(void *unused)
{
    void *job;
    struct channel_case cases[] = {{.channel = &jobs, .value = &job},
                                   {.channel = &orders, .value = &job},
                                   {.channel = &quit, .value = &job}};
    order_block(1);
    while (channel_select(cases, 3) != 2) {
        ++*(int *)job;
        struct channel_case reply[] = {{.channel = &quit, .value = &job},
                                       {.channel = &results, .value = &job, .sends = true}};
        channel_select(reply, 2);
    }
    return unused;
}

static void *asks(void *unused)
{
    values[0] = 1;
    channel_send(&jobs, &values[0]);
    return unused;
}

int main(void)
{
    pthread_t worker, client;
    void *result;
    channel_make(&jobs, 2);
    channel_make(&orders, 0);
    channel_make(&quit, 0);
    channel_make(&results, 2);
    pthread_create(&worker, NULL, work, NULL);
    pthread_create(&client, NULL, asks, NULL);
    pthread_join(client, NULL);
    channel_receive(&results, &result);
    sum += *(int *)result;
    order_blocked(1);
    for (int i = 1; i < 8; i++) {
        values[i] = i;
        channel_send(&orders, &values[i]);
        channel_receive(&results, &result);
        sum += *(int *)result;
    }
    channel_close(&quit);
    pthread_join(worker, NULL);
    printf("%d\n", sum);
    return 0;
}
