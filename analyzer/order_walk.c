/*
 * The walk: current vector clocks of all tasks while a caller goes through their events (order.h).
 *
 * A task's clock changes only at its edges. Invariant: for each task, `applied` edges are in its
 * clock, and so is all that their sources were after. An edge from (A, e) adds what A was after at
 * e. If A has no later edge yet, its own clock says that at once. If it has, its clock of then was
 * held for those who would ask for it, as far as that was known (`asks` of order.h) and there was
 * room. Else a checkpoint of A's clock from before e is joined, and the edges of A from there up to
 * e are followed that the task does not know yet: each at most once for each task, because what a
 * clock knows of A it knows with all that A was after then. A clock's own entry means nothing: a
 * task is after all of itself.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/order.h"

/* Edges between two checkpoints of a task's clock: so many are followed at most, so rarely is a
 * clock kept. */
#define CHECKPOINT 32u
#define HELD_BYTES (UINT64_C(128) << 20) /* with more in clocks no more are held */

struct held { /* what a task's clock was, for those who will ask */
    struct clock clock;
    uint32_t version, asks;
};

struct walk_task {
    struct clock clock;
    uint64_t done;
    uint32_t applied;
    uint32_t answered;                              /* edges from here that others have applied */
    uint32_t now;                                   /* of them, from where `applied` is */
    struct held *held;                              /* by version */
    uint32_t held_first, held_count, held_capacity; /* those before the first are gone */
    uint32_t based;                                 /* number of the base that is in its clock */
    uint32_t woke; /* number of the base that it was left out of, when it came to something again */
    bool gone;     /* it is over, nobody will ask for its clock, and it was given back */
    uint32_t saved_count, saved_capacity, saved_first; /* checkpoints before this one are gone */
    struct clock *saved;                               /* [i]: after (i + 1) * CHECKPOINT edges */
};

struct wanted { /* a task to be brought to a number of edges applied */
    uint32_t task, version;
};

struct pending { /* an edge to be followed */
    uint32_t task, edge;
};

struct order_walk {
    const struct order *order;
    struct clock_pool pool;
    struct clock base;   /* order->base */
    uint32_t retirement; /* of which it is */
    uint32_t unsure;     /* see order_walk_unsure */
    struct walk_task *tasks;
    uint32_t task_count;
    struct wanted *stack; /* work of order_walk_enter */
    uint32_t capacity;
    struct pending *pending; /* work of learn */
    uint32_t pending_capacity;
};

void order_walk_grow(struct order_walk *walk)
{
    uint32_t count = walk->order->task_count;
    while (clock_pool_reach(&walk->pool) < count) {
        clock_heighten(&walk->pool, &walk->base);
        for (uint32_t t = 0; t < walk->task_count; t++) {
            struct walk_task *task = &walk->tasks[t];
            clock_heighten(&walk->pool, &task->clock);
            for (uint32_t i = 0; i < task->saved_count; i++)
                clock_heighten(&walk->pool, &task->saved[i]);
            for (uint32_t i = task->held_first; i < task->held_count; i++)
                clock_heighten(&walk->pool, &task->held[i].clock);
        }
        walk->pool.levels++;
    }
    walk->tasks = memory_resize(walk->tasks, count, sizeof(*walk->tasks));
    memset(walk->tasks + walk->task_count, 0, (count - walk->task_count) * sizeof(*walk->tasks));
    walk->task_count = count;
}

struct order_walk *order_walk_new(const struct order *order)
{
    struct order_walk *walk = memory_get(1, sizeof(*walk));
    walk->order = order;
    clock_pool_open(&walk->pool, order->task_count);
    order_walk_grow(walk);
    return walk;
}

void order_walk_free(struct order_walk *walk)
{
    if (!walk)
        return;
    for (uint32_t t = 0; t < walk->task_count; t++) {
        free(walk->tasks[t].saved);
        free(walk->tasks[t].held);
    }
    free(walk->tasks);
    clock_pool_close(&walk->pool);
    free(walk->stack);
    free(walk->pending);
    free(walk);
}

/* Ten thousand tasks in a row need two clocks at a time. While a trace grows, who will ask is known only of what was read; an
 * object's clock is asked again and again, and kept. */
static void give_back(struct order_walk *walk, uint32_t task)
{
    const struct order_list *list = &walk->order->lists[task];
    struct walk_task *t = &walk->tasks[task];
    bool asked = t->answered < list->asks || (walk->order->keep && list->clock);
    if (t->done != UINT64_MAX || t->gone || (asked && walk->pool.bytes <= HELD_BYTES))
        return;
    clock_drop(&walk->pool, &t->clock);
    t->gone = true;
}

void order_walk_done(struct order_walk *walk, uint32_t task, uint64_t segment)
{
    walk->tasks[task].done = segment;
    give_back(walk, task);
}

uint64_t order_walk_progress(const struct order_walk *walk, uint32_t task)
{
    return walk->tasks[task].done;
}

struct clock order_walk_clock(const struct order_walk *walk, uint32_t task)
{
    return walk->tasks[task].clock;
}

const struct clock_pool *order_walk_pool(const struct order_walk *walk)
{
    return &walk->pool;
}

/* ---- clocks ---- */

/* Notes that `clock` is after (from, segment); the edges of `from` that this brings are pushed. */
static uint32_t learn_one(struct order_walk *walk, struct clock *clock, uint32_t task,
                          uint32_t from, uint64_t segment, uint32_t pending)
{
    const struct order *order = walk->order;
    if (from == task || from == ORDER_DROPPED)
        return pending;
    uint64_t known = clock_get(&walk->pool, *clock, from);
    if (known >= segment)
        return pending;
    uint32_t begin = order_version(order, from, known), end = order_version(order, from, segment);
    const struct walk_task *source = &walk->tasks[from];
    uint32_t checkpoint = end / CHECKPOINT;
    if (checkpoint > source->saved_count)
        checkpoint = source->saved_count;
    if (checkpoint > source->saved_first && checkpoint * CHECKPOINT > begin + 1 &&
        source->saved[checkpoint - 1].root) {
        clock_join(&walk->pool, clock, source->saved[checkpoint - 1]);
        begin = checkpoint * CHECKPOINT;
    }
    clock_raise(&walk->pool, clock, from, segment);
    for (uint32_t i = begin; i < end; i++) {
        const struct order_edge *edge = order_edge_at(order, from, i);
        if (clock_get(&walk->pool, *clock, edge->from) >= edge->from_segment)
            continue;
        MEMORY_GROW(walk->pending, pending, walk->pending_capacity);
        walk->pending[pending++] = (struct pending){from, i};
    }
    return pending;
}

/* The clock of `task` learns that it is after (from, segment), and what that was after, along the
 * edges. */
static void learn(struct order_walk *walk, struct clock *clock, uint32_t task, uint32_t from,
                  uint64_t segment)
{
    uint32_t pending = learn_one(walk, clock, task, from, segment, 0);
    while (pending) {
        struct pending next = walk->pending[--pending];
        const struct order_edge *edge = order_edge_at(walk->order, next.task, next.edge);
        pending = learn_one(walk, clock, task, edge->from, edge->from_segment, pending);
    }
}

/* The clock of `task` has come to a multiple of CHECKPOINT edges. */
static void save(struct order_walk *walk, uint32_t task)
{
    struct walk_task *t = &walk->tasks[task];
    uint32_t index = t->applied / CHECKPOINT - 1;
    for (; t->saved_first < t->saved_count &&
           (t->saved_first + 1) * CHECKPOINT <= walk->order->lists[task].retired;
         t->saved_first++)
        clock_drop(&walk->pool, &t->saved[t->saved_first]);
    while (t->saved_count <= index) { /* some may have been passed over: retired */
        MEMORY_GROW(t->saved, t->saved_count, t->saved_capacity);
        t->saved[t->saved_count++] = (struct clock){NULL};
    }
    t->saved[index] = clock_share(t->clock);
}

/* ---- clocks that others will ask for ---- */

/* The task is about to apply its next edge. */
static void hold(struct order_walk *walk, uint32_t task)
{
    struct walk_task *t = &walk->tasks[task];
    uint32_t retired = walk->order->lists[task].retired, now = t->now;
    t->now = 0;
    for (; t->held_first < t->held_count && t->held[t->held_first].version <= retired;
         t->held_first++)
        clock_drop(&walk->pool, &t->held[t->held_first].clock);
    if (t->applied <= retired || !t->clock.root || walk->pool.bytes > HELD_BYTES)
        return;
    uint32_t asks = order_edge_at(walk->order, task, t->applied - 1)->asks;
    if (asks <= now)
        return;
    if (t->held_first > t->held_count / 2) {
        t->held_count -= t->held_first;
        memmove(t->held, t->held + t->held_first, t->held_count * sizeof(*t->held));
        t->held_first = 0;
    }
    MEMORY_GROW(t->held, t->held_count, t->held_capacity);
    t->held[t->held_count++] = (struct held){clock_share(t->clock), t->applied, asks - now};
}

static struct held *held_find(const struct walk_task *t, uint32_t version)
{
    uint32_t low = t->held_first, high = t->held_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (t->held[middle].version < version)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < t->held_count && t->held[low].version == version && t->held[low].asks;
    return found ? &t->held[low] : NULL;
}

/* One of those who ask for this version has been answered. */
static void answered(struct order_walk *walk, uint32_t task, uint32_t version, struct held *held)
{
    struct walk_task *t = &walk->tasks[task];
    t->answered++;
    t->now += t->applied == version;
    if (held && --held->asks == 0)
        clock_drop(&walk->pool, &held->clock);
    while (t->held_first < t->held_count && t->held[t->held_first].asks == 0)
        t->held_first++;
    give_back(walk, task);
}

/* `version`: of the edge's source, at its segment. */
static void apply(struct order_walk *walk, uint32_t task, const struct order_edge *edge,
                  uint32_t version)
{
    struct walk_task *t = &walk->tasks[task], *source = &walk->tasks[edge->from];
    struct held *held = source->applied == version ? NULL : held_find(source, version);
    if (!t->gone && clock_get(&walk->pool, t->clock, edge->from) < edge->from_segment) {
        struct clock clock = {NULL};
        if (held)
            clock = held->clock;
        else if (source->applied == version)
            clock = source->clock;
        if (clock.root) {
            clock_join(&walk->pool, &t->clock, clock);
            clock_raise(&walk->pool, &t->clock, edge->from, edge->from_segment);
        } else {
            learn(walk, &t->clock, task, edge->from, edge->from_segment);
        }
    }
    if (version > walk->order->lists[edge->from].retired)
        answered(walk, edge->from, version, held);
}

static bool woke(const struct order_walk *walk, uint32_t task)
{
    return !order_sleeps(walk->order, task) || walk->tasks[task].woke == walk->order->retirements;
}

uint32_t order_walk_unsure(const struct order_walk *walk)
{
    return walk->unsure;
}

/* A task that was left out of the base comes to `segment`. Whether or not it is after the base, it counts so from now on: an
 * order too many hides a race, one too few would make one up. */
static void wake(struct order_walk *walk, uint32_t task, uint64_t segment)
{
    const struct order *order = walk->order;
    if (woke(walk, task) || segment < order->next[task])
        return;
    walk->tasks[task].woke = order->retirements;
    walk->unsure += !order_after_base(order, task, segment);
}

bool order_walk_awake(struct order_walk *walk, uint32_t task, uint64_t segment)
{
    if (order_sleeps(walk->order, task) && segment > walk->order->next[task])
        wake(walk, task, segment);
    return woke(walk, task);
}

/* Every event still to come is after all that the task told. */
static void forget(struct order_walk *walk, uint32_t task)
{
    struct walk_task *t = &walk->tasks[task];
    clock_drop(&walk->pool, &t->clock);
    for (; t->held_first < t->held_count; t->held_first++)
        clock_drop(&walk->pool, &t->held[t->held_first].clock);
    for (; t->saved_first < t->saved_count; t->saved_first++)
        clock_drop(&walk->pool, &t->saved[t->saved_first]);
    t->gone = true;
}

/* Every event still to come is after the base; a clock that did not know that would not learn what
 * edges told that have been retired since. */
static void begin_clock(struct order_walk *walk, uint32_t task)
{
    const struct order *order = walk->order;
    struct walk_task *t = &walk->tasks[task];
    if (t->applied < order->lists[task].retired)
        t->applied = order->lists[task].retired;
    if (t->gone || t->based == order->retirements || !woke(walk, task))
        return;
    if (t->done == UINT64_MAX && !order->lists[task].clock && order_past(order, task)) {
        forget(walk, task);
        return;
    }
    if (walk->retirement != order->retirements) {
        clock_drop(&walk->pool, &walk->base);
        for (uint32_t i = 1; i < order->base_size; i++)
            if (order->base[i])
                clock_raise(&walk->pool, &walk->base, i, order->base[i]);
        walk->retirement = order->retirements;
    }
    if (t->clock.root)
        clock_join(&walk->pool, &t->clock, walk->base);
    else
        t->clock = clock_share(walk->base);
    t->based = order->retirements;
}

/*
 * What must be met first so that a task can be brought where it is wanted: of the sources that have not come as far, the last.
 * Thousands that leave a barrier wait for thousands that come to it, and when one has come, all that wait for it try again.
 */
static void await(const struct order_walk *walk, const struct wanted *wanted, uint32_t *other,
                  uint64_t *until)
{
    for (uint32_t v = wanted->version; v-- > walk->tasks[wanted->task].applied;) {
        const struct order_edge *edge = order_edge_at(walk->order, wanted->task, v);
        if (edge->from == ORDER_DROPPED || walk->tasks[edge->from].done >= edge->from_segment)
            continue;
        *other = edge->from;
        *until = edge->from_segment;
        return;
    }
}

/* Applies the edges of `task` up to `version`, and those of others that they need. False with *other
 * and *until if events of that task must be met first. */
static bool bring(struct order_walk *walk, uint32_t task, uint32_t version, bool force,
                  uint32_t *other, uint64_t *until)
{
    const struct order *order = walk->order;
    uint32_t depth = 0;
    MEMORY_GROW(walk->stack, depth, walk->capacity);
    walk->stack[depth++] = (struct wanted){task, version};
    while (depth) {
        struct wanted *top = &walk->stack[depth - 1];
        struct walk_task *t = &walk->tasks[top->task];
        begin_clock(walk, top->task);
        if (t->applied >= top->version) {
            depth--;
            continue;
        }
        const struct order_edge *edge = order_edge_at(order, top->task, t->applied);
        if (edge->from != ORDER_DROPPED) {
            const struct walk_task *source = &walk->tasks[edge->from];
            if (source->done < edge->from_segment && !force) {
                await(walk, top, other, until);
                return false;
            }
            uint32_t needs =
                order_version_near(order, edge->from, edge->from_segment, source->applied);
            if (source->applied < needs && source->done >= edge->from_segment) {
                uint32_t from = edge->from;
                MEMORY_GROW(walk->stack, depth, walk->capacity);
                walk->stack[depth++] = (struct wanted){from, needs};
                continue;
            }
            hold(walk, top->task);
            apply(walk, top->task, edge, needs);
        }
        t->applied++;
        if (t->applied % CHECKPOINT == 0 && !t->gone)
            save(walk, top->task);
    }
    return true;
}

bool order_walk_enter(struct order_walk *walk, uint32_t task, uint64_t segment, bool force,
                      uint32_t *other, uint64_t *until)
{
    const struct order *order = walk->order;
    struct walk_task *t = &walk->tasks[task];
    if (t->gone) { /* only in a damaged trace does it come back */
        t->gone = false;
        t->based = 0;
        t->applied = order->lists[task].retired;
    }
    if (order->asleep)
        wake(walk, task, segment);
    begin_clock(walk, task);
    if (t->applied >= order_edges(order, task) ||
        order_edge_at(order, task, t->applied)->segment > segment)
        return true; /* nothing new: the usual case */
    return bring(walk, task, order_version_near(order, task, segment, t->applied), force, other,
                 until);
}

uint64_t order_walk_settle(struct order_walk *walk, uint32_t task, uint64_t segment)
{
    const struct order *order = walk->order;
    const struct walk_task *t = &walk->tasks[task];
    uint32_t other;
    uint64_t until;
    bring(walk, task, order_version(order, task, segment), false, &other, &until);
    return t->applied < order_edges(order, task)
               ? order_edge_at(order, task, t->applied)->segment - 1
               : UINT64_MAX;
}

uint64_t order_walk_memory(const struct order_walk *walk)
{
    return walk->pool.bytes;
}

/* ---- the floor ---- */

void order_walk_floor(struct order_walk *walk, const uint64_t *next, const bool *asleep,
                      uint64_t *floor)
{
    const struct order *order = walk->order;
    uint32_t n = walk->task_count, count = 0;
    struct clock *clocks = memory_get(n, sizeof(*clocks));
    uint32_t *owners = memory_get(n, sizeof(*owners));
    for (uint32_t t = 1; t < n; t++) {
        const struct walk_task *task = &walk->tasks[t];
        if (task->done == UINT64_MAX || (asleep && asleep[t]))
            continue;
        /* What its next event will be after: its clock, and the edges up to then. */
        begin_clock(walk, t);
        struct clock clock = clock_share(task->clock);
        uint32_t end = order_version(order, t, next[t]), first = order->lists[t].retired;
        for (uint32_t e = task->applied > first ? task->applied : first; e < end; e++) {
            const struct order_edge *edge = order_edge_at(order, t, e);
            learn(walk, &clock, t, edge->from, edge->from_segment);
        }
        clocks[count] = clock;
        owners[count++] = t;
    }
    clock_least(&walk->pool, clocks, owners, count, floor, n);
    for (uint32_t i = 0; i < count; i++)
        clock_drop(&walk->pool, &clocks[i]);
    free(clocks);
    free(owners);
}
