/*
 * A reader that stops in the middle closes its end of the pipe: who writes to it is told.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"

static int ends[2];

static void *produce(void *unused)
{
    static const char line[4096] = "line";
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 1000; i++)
        if (write(ends[1], line, sizeof line) < 0)
            break;
    return unused;
}

static void *consume(void *unused)
{
    char line[4096];
    read(ends[0], line, sizeof line);
    close(ends[0]);
    return unused;
}

int main(void)
{
    pthread_t producer, consumer;
    pipe(ends);
    pthread_create(&consumer, NULL, consume, NULL);
    pthread_create(&producer, NULL, produce, NULL);

    pthread_join(consumer, NULL);
    pthread_join(producer, NULL);
    puts("done");
    return 0;
}
