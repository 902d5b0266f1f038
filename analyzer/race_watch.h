/*
 * Watches: who touched the bytes that machine accesses raced on, and in which segments. Filled by
 * race_watch.c and race_refine.c, read by truth.c and closure.c.
 */
#ifndef ANALYZER_RACE_WATCH_H
#define ANALYZER_RACE_WATCH_H

#include "analyzer/race.h"

#define RACE_WATCH_TASKS 8u
struct race_period { /* segments first..last, some or all of them */
    uint64_t first, last;
    /* Of a write: what it is after of each task of the watch, at `first`. 0 where that is not known;
     * after[0] is RACE_PERIOD_ASK where it was not yet asked for. */
    uint64_t after[RACE_WATCH_TASKS];
};
#define RACE_PERIOD_ASK UINT64_MAX

struct race_log { /* of one task and mode, periods in order */
    uint32_t watch, task;
    uint32_t next;  /* in its watch */
    uint32_t chain; /* next in its bucket */
    uint32_t count, capacity;
    bool write;
    bool exact; /* see race_log_exact() */
    /* Up to this segment it is not known which ones there were: maybe all. Where no log is exact, maybe exact ones, too. */
    uint64_t past;
    struct race_period *periods;
};

struct race_watch {
    uint64_t line, mask;
    uint64_t tsc; /* of the block */
    uint32_t block;
    uint32_t next;                    /* in its bucket */
    uint32_t logs;                    /* first */
    uint32_t pairs;                   /* first link to the pairs that raced here */
    uint32_t tasks[RACE_WATCH_TASKS]; /* the first that came; 0: none */
    uint64_t atomic;                  /* bytes that an atomic access was seen to, too */
    bool ended;                       /* its block has, and that is in the logs */
};

struct race_watch_link {
    uint32_t pair, next;
};

struct race_watches {
    struct race_watch *items; /* [1..] */
    uint32_t count, capacity, *buckets, bucket_count;
    struct race_log *logs;
    uint32_t log_count, log_capacity, *log_buckets, log_bucket_count;
    struct race_watch_link *links;
    uint32_t link_count, link_capacity;
    uint64_t periods;
    bool full; /* there were more words than could be watched */
};

/* An access whose order the recorder knew and put into the trace: a LOCKed instruction, or a load or store of marked bytes, both
 * of a patched module. What such a load has from such a store is in the edges. Not so of what passes outside (TRACE_OUTSIDE). */
static inline bool race_log_exact(uint64_t line, uint32_t site)
{
    const uint32_t both = RACE_SITE_ATOMIC | RACE_SITE_MACHINE;
    return (site & both) == both && line != TRACE_OUTSIDE / 64;
}

/* Where the list of the watches of a line (and of others) begins. */
uint32_t *race_watch_bucket(const struct race_watches *watches, uint64_t line);
/* The watch of these bytes, 0 if there is none. */
uint32_t race_watch_find(const struct race_history *history, uint64_t line, uint64_t mask,
                         uint32_t block, uint64_t tsc);
/* The word for what passes unseen (TRACE_OUTSIDE), whose line this is: watched from the start. */
void race_watch_outside(struct race_history *history, struct race_line *line);
/* The log of a task's accesses of a mode in a watch, 0 if there is none. */
uint32_t race_log_find(const struct race_watches *watches, uint32_t index, uint32_t task,
                       bool write, bool exact);
/* Adds an access in `period` to a log; those of a log come in order. */
void race_log_add(struct race_watches *watches, struct race_log *log,
                  const struct race_period *period);

#endif
