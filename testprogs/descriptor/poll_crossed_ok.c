/*
 * A thread polls for any of two answers of another one, which waits for its next question. That is asked in the end.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"

struct line {
    int question[2], answers[2][2];
};

static struct line line;

static void serve(void)
{
    char byte;
    read(line.question[0], &byte, 1);
    for (int i = 0; i < 2; i++)
        write(line.answers[i][1], &byte, 1);
}

static void *answers(void *unused)
{
    serve();
    order_block(2);
    serve();
    return unused;
}

static void *asks(void *unused)
{
    pthread_t other;
    char byte;
    pthread_create(&other, NULL, answers, NULL);
    write(line.question[1], "", 1);
    for (int i = 0; i < 2; i++)
        read(line.answers[i][0], &byte, 1);
    struct pollfd list[] = {{line.answers[0][0], POLLIN, 0}, {line.answers[1][0], POLLIN, 0}};
    order_block(1);
    poll(list, 2, -1);
    close(line.question[1]);
    pthread_join(other, NULL);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pipe(line.question);
    pipe(line.answers[0]);
    pipe(line.answers[1]);
    pthread_create(&thread, NULL, asks, NULL);
    order_blocked(1);
    order_blocked(2);
    write(line.question[1], "", 1);
    pthread_join(thread, NULL);
    puts("done");
    return 0;
}
