/*
 * The walk: current vector clocks of all tasks while a caller goes through their events (order.h).
 *
 * A task's clock changes only at its edges, so it has as many versions as edges, and an edge needs
 * one version of its source. Invariant: for each task, `applied` edges are in its clock; a version
 * that was overwritten lives on as a snapshot exactly as long as edges not yet applied refer to it.
 * Own entries are left 0: a task is after all of itself.
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
    uint64_t references; /* edges not yet applied that have this task as their source */
    uint32_t applied;
};

struct wanted { /* a task to be brought to a version */
    uint32_t task, version;
};

struct order_walk {
    const struct order *order;
    struct walk_task *tasks;
    uint32_t *references; /* of version v of task t, at version_index */
    struct clock *snapshots;
    struct wanted *stack; /* work of order_walk_enter */
    uint32_t capacity;
};

/* Version v of task t: t has one version more than edges. */
static uint64_t version_index(const struct order *order, uint32_t task, uint32_t version)
{
    return order->first[task] + task + version;
}

struct order_walk *order_walk_new(const struct order *order)
{
    struct order_walk *walk = memory_get(1, sizeof(*walk));
    uint64_t versions = order->edge_count + order->task_count;
    walk->order = order;
    walk->tasks = memory_get(order->task_count, sizeof(*walk->tasks));
    walk->references = memory_get(versions, sizeof(*walk->references));
    walk->snapshots = memory_get(versions, sizeof(*walk->snapshots));
    for (uint64_t i = 0; i < order->edge_count; i++) {
        const struct order_edge *edge = &order->edges[i];
        if (edge->from == ORDER_DROPPED)
            continue;
        walk->references[version_index(order, edge->from, edge->version)]++;
        walk->tasks[edge->from].references++;
    }
    return walk;
}

void order_walk_free(struct order_walk *walk)
{
    if (!walk)
        return;
    uint64_t versions = walk->order->edge_count + walk->order->task_count;
    for (uint64_t i = 0; i < versions; i++)
        free(walk->snapshots[i].segments);
    for (uint32_t t = 0; t < walk->order->task_count; t++)
        free(walk->tasks[t].clock.segments);
    free(walk->tasks);
    free(walk->references);
    free(walk->snapshots);
    free(walk->stack);
    free(walk);
}

/* A clock that nothing will ask for again is given back: ten thousand tasks in a row need two
 * clocks at a time. */
static void release_clock(struct walk_task *task)
{
    if (task->done != UINT64_MAX || task->references)
        return;
    free(task->clock.segments);
    task->clock = (struct clock){NULL, 0};
}

void order_walk_done(struct order_walk *walk, uint32_t task, uint64_t segment)
{
    struct walk_task *t = &walk->tasks[task];
    t->done = segment;
    release_clock(t);
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

static void clock_join(struct clock *clock, const struct clock *other, uint32_t limit)
{
    clock_grow(clock, other->size, limit);
    uint64_t *restrict mine = clock->segments;
    const uint64_t *restrict theirs = other->segments;
    for (uint32_t i = 0; i < other->size; i++)
        mine[i] = mine[i] > theirs[i] ? mine[i] : theirs[i];
}

/* The clock is about to change: if edges to come refer to it as it is, they keep it. */
static void keep_version(struct order_walk *walk, uint32_t task)
{
    struct walk_task *t = &walk->tasks[task];
    uint64_t index = version_index(walk->order, task, t->applied);
    if (walk->references[index] == 0 || !t->clock.segments)
        return;
    struct clock copy = {memory_get(t->clock.size, sizeof(uint64_t)), t->clock.size};
    memcpy(copy.segments, t->clock.segments, copy.size * sizeof(uint64_t));
    walk->snapshots[index] = copy;
}

static void apply(struct order_walk *walk, uint32_t task, const struct order_edge *edge)
{
    struct walk_task *t = &walk->tasks[task], *source = &walk->tasks[edge->from];
    uint64_t index = version_index(walk->order, edge->from, edge->version);
    struct clock *snapshot = &walk->snapshots[index];
    keep_version(walk, task);
    /* A source not yet at its version is met only when forced: then what it knows so far is all
     * there is. */
    const struct clock *clock = source->applied > edge->version ? snapshot : &source->clock;
    clock_grow(&t->clock, edge->from + 1, walk->order->task_count);
    clock_join(&t->clock, clock, walk->order->task_count);
    if (t->clock.segments[edge->from] < edge->from_segment)
        t->clock.segments[edge->from] = edge->from_segment;
    if (task < t->clock.size)
        t->clock.segments[task] = 0;
    walk->references[index]--;
    source->references--;
    if (walk->references[index] == 0) {
        free(snapshot->segments);
        *snapshot = (struct clock){NULL, 0};
    }
    release_clock(source);
}

bool order_walk_enter(struct order_walk *walk, uint32_t task, uint64_t segment, bool force,
                      uint32_t *other, uint64_t *until)
{
    const struct order *order = walk->order;
    const struct order_edge *edges = order->edges + order->first[task];
    uint64_t applied = walk->tasks[task].applied;
    if (applied >= order_edges(order, task) || edges[applied].segment > segment)
        return true; /* nothing new: the usual case */
    uint32_t depth = 0;
    MEMORY_GROW(walk->stack, depth, walk->capacity);
    walk->stack[depth++] = (struct wanted){task, order_version(order, task, segment)};
    while (depth) {
        struct wanted *top = &walk->stack[depth - 1];
        struct walk_task *t = &walk->tasks[top->task];
        if (t->applied >= top->version) {
            depth--;
            continue;
        }
        const struct order_edge *edge = &order->edges[order->first[top->task] + t->applied];
        if (edge->from != ORDER_DROPPED) {
            const struct walk_task *source = &walk->tasks[edge->from];
            if (source->done < edge->from_segment && !force) {
                *other = edge->from;
                *until = edge->from_segment;
                return false;
            }
            if (source->applied < edge->version && source->done >= edge->from_segment) {
                uint32_t from = edge->from, version = edge->version;
                if (depth == walk->capacity) {
                    walk->capacity *= 2;
                    walk->stack = memory_resize(walk->stack, walk->capacity, sizeof(*walk->stack));
                }
                walk->stack[depth++] = (struct wanted){from, version};
                continue;
            }
            apply(walk, top->task, edge);
        }
        t->applied++;
    }
    return true;
}

uint64_t order_walk_memory(const struct order_walk *walk)
{
    uint64_t versions = walk->order->edge_count + walk->order->task_count, entries = 0;
    for (uint64_t i = 0; i < versions; i++)
        entries += walk->snapshots[i].size;
    for (uint32_t t = 0; t < walk->order->task_count; t++)
        entries += walk->tasks[t].clock.size;
    return entries * sizeof(uint64_t);
}

/* ---- the floor ---- */

/* Joins what a pending edge will bring at least: its source's clock may yet grow until then. */
static void floor_join(const struct order_walk *walk, const struct order_edge *edge,
                       uint64_t *clock)
{
    const struct walk_task *source = &walk->tasks[edge->from];
    const struct clock *from = &source->clock;
    if (source->applied > edge->version)
        from = &walk->snapshots[version_index(walk->order, edge->from, edge->version)];
    for (uint32_t i = 0; i < from->size; i++)
        clock[i] = clock[i] > from->segments[i] ? clock[i] : from->segments[i];
    if (clock[edge->from] < edge->from_segment)
        clock[edge->from] = edge->from_segment;
}

/* What the next event of a task will be after, at least: its clock, the edges up to then, and,
 * where the source of the first of these has not begun either, that one's first edges too, and so
 * on. */
static void floor_of_task(const struct order_walk *walk, uint32_t task, uint64_t next,
                          uint64_t *clock)
{
    const struct order *order = walk->order;
    const struct clock *own = &walk->tasks[task].clock;
    memset(clock, 0, order->task_count * sizeof(*clock));
    if (own->size)
        memcpy(clock, own->segments, own->size * sizeof(*clock));
    for (uint32_t steps = 0; steps < order->task_count; steps++) {
        const struct order_edge *first = NULL;
        const struct order_edge *edge =
            &order->edges[order->first[task] + walk->tasks[task].applied];
        const struct order_edge *end = &order->edges[order->first[task + 1]];
        for (; edge < end && edge->segment <= next; edge++) {
            if (edge->from == ORDER_DROPPED)
                continue;
            floor_join(walk, edge, clock);
            if (!first)
                first = edge;
        }
        if (!first || walk->tasks[first->from].applied > 0)
            return;
        task = first->from;
        next = first->from_segment;
    }
}

void order_walk_floor(const struct order_walk *walk, const uint64_t *next, uint64_t *floor)
{
    uint32_t n = walk->order->task_count;
    uint64_t *clock = memory_get(n, sizeof(*clock));
    for (uint32_t t = 0; t < n; t++)
        floor[t] = UINT64_MAX;
    for (uint32_t t = 1; t < n; t++) {
        if (walk->tasks[t].done == UINT64_MAX)
            continue;
        floor_of_task(walk, t, next[t], clock);
        clock[t] = UINT64_MAX;
        for (uint32_t i = 0; i < n; i++)
            floor[i] = floor[i] < clock[i] ? floor[i] : clock[i];
    }
    free(clock);
}
