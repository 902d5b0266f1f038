/*
 * Pairs of threads, one pair for each order that gorocheck.h can tell of: `first` does its part before `second` in time,
 * both touch a number of their own, where the order covers it, or beside it.
 */
#ifndef TESTPROGS_EDGES_H
#define TESTPROGS_EDGES_H

#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "group.h"

#define EDGES(X) \
    X(close)     \
    X(offer)     \
    X(take)      \
    X(room)      \
    X(senders)   \
    X(receivers) \
    X(gave_up)   \
    X(done)      \
    X(dones)     \
    X(submit)    \
    X(finish)    \
    X(happens)   \
    X(back)

#define EDGES_STEP(pair, n) (1 + 4 * (pair) + (n))

enum edges {
#define X(name) EDGES_##name,
    EDGES(X)
#undef X
        EDGES_COUNT
};

static struct channel edges_channels[EDGES_COUNT];
static struct group edges_groups[EDGES_COUNT];
static struct job edges_jobs[EDGES_COUNT];
static int edges_numbers[EDGES_COUNT];

static void edges_first(enum edges pair);
static void edges_second(enum edges pair);

static void *edges_run_first(void *number)
{
    edges_first((enum edges) * (int *)number);
    return NULL;
}

static void *edges_run_second(void *number)
{
    edges_second((enum edges) * (int *)number);
    return NULL;
}

static void edges_run(void)
{
    for (int i = 0; i < EDGES_COUNT; i++) {
        pthread_t a, b;
        edges_numbers[i] = i;
        channel_make(&edges_channels[i], i == EDGES_offer || i == EDGES_take ? 0 : 2);
        edges_groups[i].count = 0;
        group_add(&edges_groups[i], i == EDGES_dones ? 2 : 1);
        pthread_create(&a, NULL, edges_run_first, &edges_numbers[i]);
        pthread_create(&b, NULL, edges_run_second, &edges_numbers[i]);
        pthread_join(a, NULL);
        pthread_join(b, NULL);
    }
}

#endif
