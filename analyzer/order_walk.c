/*
 * The walk: current vector clocks of all tasks while a caller goes through their events (order.h).
 *
 * A task's clock changes only at its edges. Invariant: for each task, `applied` edges are in its
 * clock, and so is all that their sources were after. An edge from (A, e) adds what A was after at
 * e. If A has no later edge yet, its own clock says that at once; otherwise the edges of A up to e
 * are followed that the task does not know yet: each at most once for each task, because what a
 * clock knows of A it knows with all that A was after then. Own entries are left 0: a task is after
 * all of itself.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/order.h"

struct clock {
    uint64_t *segments;
    uint32_t size; /* entries; those beyond are 0 */
};

struct walk_task {
    struct clock clock;
    uint64_t done;
    uint32_t applied;
};

struct wanted { /* a task to be brought to a number of edges applied */
    uint32_t task, version;
};

struct pending { /* an edge to be followed */
    uint32_t task, edge;
};

struct order_walk {
    const struct order *order;
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
    walk->tasks = memory_resize(walk->tasks, count, sizeof(*walk->tasks));
    memset(walk->tasks + walk->task_count, 0, (count - walk->task_count) * sizeof(*walk->tasks));
    walk->task_count = count;
}

struct order_walk *order_walk_new(const struct order *order)
{
    struct order_walk *walk = memory_get(1, sizeof(*walk));
    walk->order = order;
    order_walk_grow(walk);
    return walk;
}

void order_walk_free(struct order_walk *walk)
{
    if (!walk)
        return;
    for (uint32_t t = 0; t < walk->task_count; t++)
        free(walk->tasks[t].clock.segments);
    free(walk->tasks);
    free(walk->stack);
    free(walk->pending);
    free(walk);
}

void order_walk_done(struct order_walk *walk, uint32_t task, uint64_t segment)
{
    struct walk_task *t = &walk->tasks[task];
    t->done = segment;
    if (segment != UINT64_MAX)
        return;
    /* Ten thousand tasks in a row need two clocks at a time; what others learn of this one is told
     * by its edges. */
    free(t->clock.segments);
    t->clock = (struct clock){NULL, 0};
}

uint64_t order_walk_progress(const struct order_walk *walk, uint32_t task)
{
    return walk->tasks[task].done;
}

const uint64_t *order_walk_clock(const struct order_walk *walk, uint32_t task, uint32_t *size)
{
    *size = walk->tasks[task].clock.size;
    return walk->tasks[task].clock.segments;
}

/* ---- clocks ---- */

/* Makes room for `size` entries, with some to spare where a clock grows task by task, but never
 * more than `limit`. */
static void clock_grow(struct clock *clock, uint32_t size, uint32_t limit)
{
    if (size <= clock->size)
        return;
    uint32_t room = clock->size && size + size / 4 < limit ? size + size / 4 : limit;
    if (!clock->size)
        room = size;
    clock->segments = memory_resize(clock->segments, room, sizeof(*clock->segments));
    memset(clock->segments + clock->size, 0, (room - clock->size) * sizeof(*clock->segments));
    clock->size = room;
}

static void clock_join(struct clock *clock, const uint64_t *segments, uint32_t size, uint32_t limit)
{
    clock_grow(clock, size, limit);
    uint64_t *restrict mine = clock->segments;
    const uint64_t *restrict theirs = segments;
    for (uint32_t i = 0; i < size; i++)
        mine[i] = mine[i] > theirs[i] ? mine[i] : theirs[i];
}

/* Notes that `clock` is after (from, segment); the edges of `from` that this brings are pushed. */
static uint32_t learn_one(struct order_walk *walk, struct clock *clock, uint32_t task,
                          uint32_t from, uint64_t segment, uint32_t pending)
{
    const struct order *order = walk->order;
    if (from == task || from == ORDER_DROPPED)
        return pending;
    clock_grow(clock, from + 1, order->task_count);
    uint64_t known = clock->segments[from];
    if (known >= segment)
        return pending;
    clock->segments[from] = segment;
    uint32_t end = order_version(order, from, segment);
    for (uint32_t i = order_version(order, from, known); i < end; i++) {
        const struct order_edge *edge = order_edge_at(order, from, i);
        if (edge->from < clock->size && clock->segments[edge->from] >= edge->from_segment)
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

static void apply(struct order_walk *walk, uint32_t task, const struct order_edge *edge)
{
    struct walk_task *t = &walk->tasks[task], *source = &walk->tasks[edge->from];
    const struct order *order = walk->order;
    uint64_t known = edge->from < t->clock.size ? t->clock.segments[edge->from] : 0;
    if (known >= edge->from_segment)
        return;
    uint32_t version = order_version(order, edge->from, edge->from_segment);
    uint32_t news = version - order_version(order, edge->from, known);
    if (news > source->clock.size / 8 && source->applied == version && source->clock.size) {
        clock_join(&t->clock, source->clock.segments, source->clock.size, order->task_count);
        clock_grow(&t->clock, edge->from + 1, order->task_count);
        t->clock.segments[edge->from] = edge->from_segment;
    } else {
        learn(walk, &t->clock, task, edge->from, edge->from_segment);
    }
    if (task < t->clock.size)
        t->clock.segments[task] = 0;
}

static void begin_clock(struct order_walk *walk, uint32_t task)
{
    struct clock *clock = &walk->tasks[task].clock;
    if (!clock->size && walk->order->base_size)
        clock_join(clock, walk->order->base, walk->order->base_size, walk->order->task_count);
    if (task < clock->size)
        clock->segments[task] = 0;
}

bool order_walk_enter(struct order_walk *walk, uint32_t task, uint64_t segment, bool force,
                      uint32_t *other, uint64_t *until)
{
    const struct order *order = walk->order;
    uint32_t applied = walk->tasks[task].applied, depth = 0;
    if (applied >= order_edges(order, task) ||
        order_edge_at(order, task, applied)->segment > segment) {
        if (!walk->tasks[task].clock.size)
            begin_clock(walk, task);
        return true; /* nothing new: the usual case */
    }
    MEMORY_GROW(walk->stack, depth, walk->capacity);
    walk->stack[depth++] = (struct wanted){task, order_version(order, task, segment)};
    while (depth) {
        struct wanted *top = &walk->stack[depth - 1];
        struct walk_task *t = &walk->tasks[top->task];
        if (t->applied < order->lists[top->task].retired)
            t->applied = order->lists[top->task].retired;
        if (t->applied >= top->version) {
            depth--;
            continue;
        }
        const struct order_edge *edge = order_edge_at(order, top->task, t->applied);
        if (edge->from != ORDER_DROPPED) {
            const struct walk_task *source = &walk->tasks[edge->from];
            if (source->done < edge->from_segment && !force) {
                *other = edge->from;
                *until = edge->from_segment;
                return false;
            }
            uint32_t version = order_version(order, edge->from, edge->from_segment);
            if (source->applied < version && source->done >= edge->from_segment) {
                uint32_t from = edge->from;
                MEMORY_GROW(walk->stack, depth, walk->capacity);
                walk->stack[depth++] = (struct wanted){from, version};
                continue;
            }
            begin_clock(walk, top->task);
            apply(walk, top->task, edge);
        }
        t->applied++;
    }
    return true;
}

uint64_t order_walk_memory(const struct order_walk *walk)
{
    uint64_t entries = 0;
    for (uint32_t t = 0; t < walk->task_count; t++)
        entries += walk->tasks[t].clock.size;
    return entries * sizeof(uint64_t);
}

/* ---- the floor ---- */

void order_walk_floor(struct order_walk *walk, const uint64_t *next, uint64_t *floor)
{
    const struct order *order = walk->order;
    uint32_t n = walk->task_count;
    struct clock clock = {memory_get(n, sizeof(uint64_t)), n};
    for (uint32_t t = 0; t < n; t++)
        floor[t] = UINT64_MAX;
    for (uint32_t t = 1; t < n; t++) {
        const struct walk_task *task = &walk->tasks[t];
        if (task->done == UINT64_MAX)
            continue;
        /* What its next event will be after: its clock, and the edges up to then. */
        memset(clock.segments, 0, n * sizeof(uint64_t));
        clock_join(&clock, order->base, order->base_size, n);
        clock_join(&clock, task->clock.segments, task->clock.size, n);
        uint32_t end = order_version(order, t, next[t]);
        uint32_t first = order->lists[t].retired;
        for (uint32_t e = task->applied > first ? task->applied : first; e < end; e++) {
            const struct order_edge *edge = order_edge_at(order, t, e);
            learn(walk, &clock, t, edge->from, edge->from_segment);
        }
        clock.segments[t] = UINT64_MAX;
        for (uint32_t i = 0; i < n; i++)
            floor[i] = floor[i] < clock.segments[i] ? floor[i] : clock.segments[i];
    }
    free(clock.segments);
}
