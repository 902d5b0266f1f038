/*
 * A reader stops in the middle and keeps its end of the pipe open; who writes to it is stuck when the pipe is full.
 *
 * EXPECT: blocked @write pipe
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"

static int ends[2];

static void *produce(void *unused)
{
    static const char line[4096] = "line";
    order_block(1);
    for (int i = 0; i < 1000; i++)
        if (write(ends[1], line, sizeof line) < 0) /* @write */
            break;
    return unused;
}

static void *consume(void *unused)
{
    char line[4096];
    read(ends[0], line, sizeof line);
    return unused;
}

int main(void)
{
    pthread_t producer, consumer;
    pipe(ends);
    pthread_create(&consumer, NULL, consume, NULL);
    pthread_create(&producer, NULL, produce, NULL);
    pthread_detach(producer);
    pthread_join(consumer, NULL);
    order_blocked(1);
    puts("done");
    return 0;
}
