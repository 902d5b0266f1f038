/*
 * Happens-before: who is after whom. Built once from the EDGE and FOLD records of all sync streams;
 * the only module that knows clocks.
 *
 * VC(B, s)[A] = the newest segment of A that B's segment s is after: the greatest e over B's edges
 * (A, e) at segments <= s, and over what those sources were after in turn. Invariant: the edges of
 * a struct order form no cycle (those that did are dropped at the build, with a problem).
 *
 * Thread-safety: a struct order is only read after order_build, but for the point queries
 * (order_before, order_clock), which keep a cache and belong to one thread at a time. Each struct
 * order_walk belongs to one thread; any number of them may walk one order at the same time.
 */
#ifndef ANALYZER_ORDER_H
#define ANALYZER_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "analyzer/clock.h"
#include "analyzer/trace.h"

#define ORDER_DROPPED 0u /* the source of an edge that was part of a cycle */

struct order_edge {
    uint64_t segment;      /* from here on ... */
    uint64_t from_segment; /* ... after this segment ... */
    uint64_t pc;
    uint32_t from; /* ... of this task (ORDER_DROPPED: of none) */
    uint32_t object;
    bool hard; /* not by a mutex, rwlock or spin lock: it would hold in any schedule of the locks */
    bool asked;
    uint32_t asks; /* edges of others that are from where this is the last one */
};

struct order_list { /* the edges of a task, by segment */
    struct order_edge *edges;
    uint32_t count, capacity;
    uint32_t retired; /* edges there were before these */
    uint32_t stream;  /* the last one that had this task, plus 1 */
    uint32_t asked;   /* edges up to here have been counted where they are from */
    uint32_t asks;    /* edges of others from this task, with an edge of its own before */
    bool unsorted;
    bool clock; /* it is a TRACE_TASK_CLOCK */
    bool born;  /* has the edge from its parent that its slot tells of */
};

struct order {
    uint32_t task_count;
    uint64_t edge_count; /* in all, the retired ones too */
    struct order_list *lists;
    uint64_t sync_records, sync_bytes;
    struct sync_cursor *cursors; /* of the sync streams: where reading goes on */
    uint32_t cursor_count;
    struct order_cache *cache;
    uint64_t *base; /* [base_size] what every event still to come is after, by edges retired */
    uint32_t base_size;
    uint64_t
        *next; /* [base_size] first segments to come of each task then; UINT64_MAX: it has none */
    bool *asleep;         /* [base_size] its events need not be after the base: see order_retire */
    uint32_t retirements; /* how often edges were retired, so how often `base` has changed */
    struct order_keep *keep; /* of a trace that is read while it is written (order_keep.c) */
};

/* Reads the sync streams; damage becomes problems of the trace. */
struct order *order_build(struct trace *trace);
/* The same in steps, while the trace grows: an order of nothing, and what the streams hold by now. */
struct order *order_begin(void);
void order_read(struct order *order, struct trace *trace);
void order_free(struct order *order);

/*
 * For a trace that is read while it is written (order_keep.c): what the records tell is kept, not
 * the records, and edges that nobody will ask for are retired. `lock`: of an object that is one, and was in a record of lock
 * order before.
 */
void order_keep_begin(struct order *order);
void order_keep_record(struct order *order, const struct trace_sync *record, bool lock);
/* All streams have been read as far as they go. */
void order_keep_settle(struct order *order);
void order_keep_free(struct order *order);
/* Of the first `count` tasks, what is known of all events still to come. */
struct order_cut {
    uint64_t *base, *next;
    bool *asleep;
    uint32_t count;
};
/*
 * Retires the edges that all events still to come are after: those at segments up to base[t] of
 * each task t. A task that sleeps until another one wakes it may be left out of `base` (asleep[t];
 * NULL: none): who wakes it is after the base, and so will it be, if next[] are the segments that
 * each task came to next (UINT64_MAX: it was over). Whether it was so is to be asked when it goes on.
 */
void order_retire(struct order *order, const struct order_cut *cut);
/* The segment of that task is after the base, as far as can be told by the edges that are left. */
bool order_after_base(const struct order *order, uint32_t task, uint64_t segment);
/* Every event still to come is after the last edge of the task. */
static inline bool order_past(const struct order *order, uint32_t task)
{
    const struct order_list *list = &order->lists[task];
    return task < order->base_size && list->count &&
           list->edges[list->count - 1].segment <= order->base[task];
}
static inline bool order_sleeps(const struct order *order, uint32_t task)
{
    return order->asleep && task < order->base_size && order->asleep[task];
}
/* Edges that are not retired. */
uint64_t order_edges_left(const struct order *order);
/* What was kept of the sync streams, as the one stream that readers are to find in their place. */
void order_keep_stream(struct order *order, struct trace_blob *blob);
/* The answer of order_before(..., true) as it was kept; false if nothing was. */
bool order_keep_before(struct order *order, uint32_t a, uint64_t a_segment, uint32_t b,
                       uint64_t b_segment, bool *before);
/* VC(task, segment) by a search, into clock[task_count]. */
void order_search(struct order *order, uint64_t *clock, uint32_t task, uint64_t segment, bool hard);
/* What a task is after by hard edges alone, as far as anything is known: ascending tasks; its own means nothing. */
struct order_pair {
    uint64_t segment;
    uint32_t task;
};
struct order_pairs {
    struct order_pair *pairs;
    uint32_t count;
    uint32_t version; /* edges of the task that are in them */
    bool known;
};
/* At its base (of a task that sleeps: before its next segment); NULL if that is not known. */
const struct order_pairs *order_keep_hard(const struct order *order, uint32_t task);

/* The last edge of `task` at or before `segment`, or NULL if it had none: its last
 * synchronisation. */
const struct order_edge *order_last_edge(const struct order *order, uint32_t task,
                                         uint64_t segment);
/* How many edges of `task` lie at or before `segment`, the retired ones included. */
uint32_t order_version(const struct order *order, uint32_t task, uint64_t segment);
/* The same, found at once if it is `hint` or near. */
uint32_t order_version_near(const struct order *order, uint32_t task, uint64_t segment,
                            uint32_t hint);
static inline const struct order_edge *order_edge_at(const struct order *order, uint32_t task,
                                                     uint32_t index)
{
    return &order->lists[task].edges[index - order->lists[task].retired];
}
static inline uint32_t order_edges(const struct order *order, uint32_t task)
{
    return order->lists[task].retired + order->lists[task].count;
}

/* Point queries, for rare events: a search each, with a small cache. `hard`: by hard edges
 * alone. */
bool order_before(struct order *order, uint32_t a, uint64_t a_segment, uint32_t b,
                  uint64_t b_segment, bool hard);
/* VC(task, segment) as [task_count] segments; good until the next point query. Its own entry is
 * `segment`. */
const uint64_t *order_clock(struct order *order, uint32_t task, uint64_t segment, bool hard);

/*
 * A walk through all segments in an order that happens-before allows. The caller drives it:
 * order_walk_enter before the first event of a segment, order_walk_done as tasks get on.
 */
struct order_walk;
struct order_walk *order_walk_new(const struct order *order);
void order_walk_free(struct order_walk *walk);
/* All events of `task` up to and including `segment` have been met (UINT64_MAX: it has no more).
 * Begins with 0. */
void order_walk_done(struct order_walk *walk, uint32_t task, uint64_t segment);
uint64_t order_walk_progress(const struct order_walk *walk, uint32_t task);
/* Brings the clock of `task` to `segment`. False if events of another task must be met first:
 * *other up to *until. With `force` it goes on without them (a damaged trace) and never returns
 * false. */
bool order_walk_enter(struct order_walk *walk, uint32_t task, uint64_t segment, bool force,
                      uint32_t *other, uint64_t *until);
/* Applies the edges of a task that has no events up to `segment` any more, as far as can be; up to
 * where this is done. */
uint64_t order_walk_settle(struct order_walk *walk, uint32_t task, uint64_t segment);
/* The clock of a task that was entered and is not done, until it is entered again or the walk grows; to be read with the
 * walk's pool. */
struct clock order_walk_clock(const struct order_walk *walk, uint32_t task);
const struct clock_pool *order_walk_pool(const struct order_walk *walk);
/* There are more tasks by now. */
void order_walk_grow(struct order_walk *walk);
/* Bytes that clocks take now. */
uint64_t order_walk_memory(const struct order_walk *walk);
/* floor[t] becomes the newest segment of t that every event still to come in other tasks is after, those of tasks that sleep
 * (asleep[t], or NULL) left out. `next[t]`: the segment of the next event of t. */
void order_walk_floor(struct order_walk *walk, const uint64_t *next, const bool *asleep,
                      uint64_t *floor);
/* The next event of the task is in `segment`. False if it was left out of the base and has not come to anything since. */
bool order_walk_awake(struct order_walk *walk, uint32_t task, uint64_t segment);
/* Tasks that went on after they had been left out of the base, without being after it: what was forgotten meanwhile may have
 * raced with them. */
uint32_t order_walk_unsure(const struct order_walk *walk);

#endif
