/*
 * A thread polls for any of two answers of another one, which waits for one more question, while main has its own work: both
 * are stuck, though the program goes on.
 *
 * EXPECT: blocked @poll pipe [suspected]
 * EXPECT: blocked @read pipe [suspected]
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

static void serve(struct line *line)
{
    char byte;
    read(line->question[0], &byte, 1); /* @read */
    for (int i = 0; i < 2; i++)
        write(line->answers[i][1], &byte, 1);
}

static void *answers(void *line)
{
    serve(line);
    order_block(2);
    serve(line);
    return NULL;
}

static void *asks(void *unused)
{
    static struct line line;
    pthread_t other;
    char byte;
    pipe(line.question);
    pipe(line.answers[0]);
    pipe(line.answers[1]);
    pthread_create(&other, NULL, answers, &line);
    pthread_detach(other);
    write(line.question[1], "", 1);
    for (int i = 0; i < 2; i++)
        read(line.answers[i][0], &byte, 1);
    struct pollfd list[] = {{line.answers[0][0], POLLIN, 0}, {line.answers[1][0], POLLIN, 0}};
    order_block(1);
    poll(list, 2, -1); /* @poll */
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, asks, NULL);
    pthread_detach(thread);
    order_blocked(1);
    order_blocked(2);
    puts("done");
    return 0;
}
