/*
 * A pool whose tasks nobody awaits: they are done when its worker is joined.
 *
 * EXPECT: none
 * MODE: plain instrumented
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
    while (job_work(&queue))
        ;
    return unused;
}

int main(void)
{
    pthread_t thread;
    channel_make(&queue, 8);
    pthread_create(&thread, NULL, work, NULL);
    int sum = 0;
    for (int i = 0; i < 4; i++) {
        jobs[i].run = run;
        input[i] = i;
        job_submit(&queue, &jobs[i]);
    }
    channel_close(&queue);
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++)
        sum += output[i];
    printf("%d\n", sum);
    return 0;
}
