/*
 * Tasks of a pool: what was done before one was submitted is before it runs, and what it did before who awaited it.
 *
 * EXPECT: none
 * MODE: instrumented
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
    pthread_t threads[2];
    channel_make(&queue, 8);
    for (int i = 0; i < 2; i++)
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
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", sum);
    return 0;
}
