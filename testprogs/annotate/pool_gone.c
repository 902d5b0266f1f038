/*
 * The only worker of a pool ends before a task is submitted to it: who awaits that waits for ever.
 *
 * EXPECT: blocked @job_await jobs[0].run [proved]
 * EXPECT: exit hang
 * MODE: plain
 */
#include <pthread.h>
#include <stdio.h>

#include "../support/group.h"

static struct channel queue;
static int input[4], output[4];
static struct job jobs[4];

static void run(struct job *job)
{
    int i = (int)(job - jobs);
    output[i] = input[i] * 2;
}

static void *work(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    channel_make(&queue, 8);
    for (int i = 0; i < 1; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    int sum = 0;
    for (int i = 0; i < 4; i++) {
        jobs[i].run = run;
        input[i] = i;
        job_submit(&queue, &jobs[i]);
    }
    for (int i = 0; i < 4; i++) {
        job_await(&jobs[i]);
        sum += output[i];
    }
    channel_close(&queue);
    for (int i = 0; i < 1; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", sum);
    return 0;
}
