/*
 * A thread that waits for commands on a pipe, none of which ever came (the handler of a signal would write them).
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"

static int commands[2];

static void *serve(void *unused)
{
    char command;
    order_block(1);
    while (read(commands[0], &command, 1) == 1)
        putchar(command);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pipe(commands);
    pthread_create(&thread, NULL, serve, NULL);
    pthread_detach(thread);
    order_blocked(1);
    return 0;
}
