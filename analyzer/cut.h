/*
 * Up to where the past can be forgotten, of a trace that is read while it is written: what every event to come is after.
 *
 * A task that waits for another one (a condition, a semaphore, a lock, without a time-out) would keep all that happened
 * since it fell asleep: when it goes on it could be unordered with it. But it goes on because somebody woke it, and is then
 * after that one. So once it has slept for long, it is left out, and what it goes on with is asked when it does: if it was
 * not woken by an event that was to come at the cut (its signal was a spurious one, a signal handler ran), races with what
 * was forgotten may be missed, and that is said (order_walk_unsure). None is made up.
 *
 * So that its waker is hardly ever one of before the cut, cuts are drafted first, and one is made when all that it leaves out
 * have slept on for `patience`.
 */
#ifndef ANALYZER_CUT_H
#define ANALYZER_CUT_H

#include "analyzer/race.h"

#define CUT_DRAFTS 8u

struct cut_draft {
    struct order_cut cut;
    uint64_t drafted_at;
    bool leaves_out; /* some task */
};

struct cut {
    uint64_t patience; /* ns a task must have slept, and a draft lain */
    uint64_t *sleeps,
        *since; /* [count] the segment that a task sleeps in, 0: it is awake; and since when */
    uint32_t count;
    struct cut_draft drafts[CUT_DRAFTS]; /* oldest first */
    uint32_t draft_count;
    uint64_t made_at;
};

/* Looks at the tasks' slots, before the streams are read. */
void cut_look(struct cut *cut, const struct trace *trace, uint64_t now);
enum cut_need { CUT_LATER, CUT_SOON, CUT_NOW };
/* What the worker's history needs: it is to be swept before long. */
enum cut_need cut_need(const struct cut *cut, const struct race_worker *worker, uint64_t now);
/* Drafts a cut now and then; `worker` has met all that was granted. If one is needed now and ready, what it allows is
 * retired. */
void cut_make(struct cut *cut, struct order *order, struct race_worker *worker, enum cut_need need,
              uint64_t now);
void cut_free(struct cut *cut);

#endif
