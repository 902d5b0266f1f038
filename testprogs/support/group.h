/* A wait group and a pool of one worker's tasks, on channel.h's hidden futexes, told of by gorocheck.h. */
#ifndef TESTPROGS_GROUP_H
#define TESTPROGS_GROUP_H

#include "channel.h"

struct group {
    long count;
    struct channel state; /* its lock and waits */
};

CHANNEL_HIDDEN void group_add(struct group *g, long count)
{
    gorocheck_group_add(g, count);
    channel_lock(&g->state);
    g->count += count;
    channel_unlock(&g->state);
}

CHANNEL_HIDDEN void group_done(struct group *g)
{
    gorocheck_group_done(g);
    channel_lock(&g->state);
    g->count--;
    channel_change(&g->state);
    channel_unlock(&g->state);
}

CHANNEL_HIDDEN void group_wait(struct group *g)
{
    channel_lock(&g->state);
    gorocheck_group_waiting(g); /* @group_wait */
    while (g->count) {
        gorocheck_blocking(g);
        channel_await(&g->state, -1);
    }
    gorocheck_group_waited(g);
    channel_unlock(&g->state);
}

struct job {
    void (*run)(struct job *job);
    struct group finished;
};

/* The worker's side is a loop over a channel of jobs; `queue` is the pool. */
CHANNEL_HIDDEN void job_submit(struct channel *queue, struct job *job)
{
    job->finished.count = 1;
    gorocheck_task_submitted(job); /* @job_submit */
    channel_send(queue, job);
}

CHANNEL_HIDDEN bool job_work(struct channel *queue)
{
    void *item;
    if (!channel_receive(queue, &item))
        return false;
    struct job *job = item;
    gorocheck_task_started(job);
    job->run(job);
    gorocheck_task_finished(job);
    channel_lock(&job->finished.state);
    job->finished.count = 0;
    channel_change(&job->finished.state);
    channel_unlock(&job->finished.state);
    return true;
}

CHANNEL_HIDDEN void job_await(struct job *job)
{
    channel_lock(&job->finished.state);
    gorocheck_task_awaiting(job); /* @job_await */
    while (job->finished.count) {
        gorocheck_blocking(job);
        channel_await(&job->finished.state, -1);
    }
    gorocheck_task_awaited(job);
    channel_unlock(&job->finished.state);
}

#endif
