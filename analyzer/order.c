/*
 * Builds the index of edges from the sync streams and answers point queries: see order.h.
 */
#include "analyzer/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

/* ---- reading ---- */

static bool soft_object(const struct trace *trace, uint32_t id)
{
    const struct trace_object *object = trace_object(trace, id);
    return object && (object->kind == TRACE_OBJECT_MUTEX || object->kind == TRACE_OBJECT_RWLOCK ||
                      object->kind == TRACE_OBJECT_SPIN || object->flags & TRACE_OBJECT_OF_LOCK);
}

static bool lock_named(const struct trace *trace, const struct trace_sync *record)
{
    return record->type == TRACE_SYNC_EDGE && soft_object(trace, record->object) &&
           trace_object(trace, record->object)->flags & TRACE_OBJECT_NAMED;
}

/* Takes an EDGE or FOLD record; returns what is wrong with it, or NULL. */
static const char *take_edge(const struct trace *trace, struct order *order,
                             const struct trace_sync *record)
{
    if (record->task == 0 || record->task >= order->task_count)
        return "edge of a task that is not in the table";
    if (record->from == 0 || record->from >= order->task_count)
        return "edge from a task that is not in the table";
    if (record->from == record->task) /* it says nothing, unless it is wrong */
        return record->from_segment < record->segment ? NULL : "edge from a task's own future";
    bool fold = record->type == TRACE_SYNC_FOLD;
    struct order_list *list = &order->lists[record->task];
    if (list->count && list->edges[list->count - 1].segment > record->segment)
        list->unsorted = true; /* of several streams, or a fold's */
    MEMORY_GROW(list->edges, list->count, list->capacity);
    list->edges[list->count++] = (struct order_edge){
        .segment = record->segment,
        .from_segment = record->from_segment,
        .pc = fold ? 0 : record->pc,
        .from = record->from,
        .object = fold ? 0 : record->object,
        /* A fold only passes on what its object's edges then carry: it is as hard as they are. */
        .hard = fold || !soft_object(trace, record->object)};
    list->clock |= fold;
    order->edge_count++;
    return NULL;
}

static void read_stream(struct trace *trace, struct order *order, uint32_t stream)
{
    char name[32];
    snprintf(name, sizeof(name), "sync.%u", stream);
    struct sync_cursor *cursor = &order->cursors[stream];
    struct trace_sync record;
    cursor->trace = trace;
    sync_resume(cursor);
    while (sync_next(cursor, &record)) {
        order->sync_records++;
        const char *wrong = NULL;
        if (record.type == TRACE_SYNC_EDGE || record.type == TRACE_SYNC_FOLD)
            wrong = take_edge(trace, order, &record);
        else if (record.type == TRACE_SYNC_LOST)
            wrong = "records are missing here";
        if (wrong)
            trace_problem(trace, name, cursor->place.offset, "%s", wrong);
        if (record.type == TRACE_SYNC_SWITCH && record.task < order->task_count)
            order->lists[record.task].stream = stream + 1;
        if (order->keep)
            order_keep_record(order, &record, lock_named(trace, &record));
    }
    order->sync_bytes += cursor->place.bytes;
    cursor->place.bytes = 0;
    if (cursor->error && !cursor->told)
        trace_problem(trace, name, cursor->error_offset, "%s", cursor->error);
    cursor->told = cursor->error != NULL;
}

/* Of a thread's birth there is a record, but while the trace grows the slot tells of it before it begins. */
static void take_births(struct trace *trace, struct order *order)
{
    for (uint32_t id = 1; id < order->task_count; id++) {
        const struct trace_task *task = &trace->tasks[id];
        if (!task->state || !task->parent || task->parent == id || order->lists[id].born ||
            task->kind == TRACE_TASK_GOROUTINE || !order->keep)
            continue;
        struct trace_sync record = {.type = TRACE_SYNC_EDGE,
                                    .task = id,
                                    .segment = 1,
                                    .from = task->parent,
                                    .from_segment = task->parent_segment};
        order->lists[id].born = true;
        const char *wrong = take_edge(trace, order, &record);
        if (wrong)
            trace_problem(trace, "tasks", 0, "%s", wrong);
        else
            order->edge_count--; /* the record will be counted */
    }
}

/* ---- sorting ---- */

static int compare_segments(const void *a, const void *b)
{
    const struct order_edge *x = a, *y = b;
    if (x->segment != y->segment)
        return x->segment < y->segment ? -1 : 1;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->from_segment < y->from_segment ? -1 : x->from_segment > y->from_segment;
}

/* Edges [low, high) of a list are searched: those before are at or before `segment`, those behind
 * are not. */
static uint32_t version_between(const struct order_list *list, uint64_t segment, uint32_t low,
                                uint32_t high)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->edges[middle].segment <= segment)
            low = middle + 1;
        else
            high = middle;
    }
    return list->retired + low;
}

uint32_t order_version(const struct order *order, uint32_t task, uint64_t segment)
{
    const struct order_list *list = &order->lists[task];
    return version_between(list, segment, 0, list->count);
}

uint32_t order_version_near(const struct order *order, uint32_t task, uint64_t segment,
                            uint32_t hint)
{
    const struct order_list *list = &order->lists[task];
    uint32_t low = hint > list->retired ? hint - list->retired : 0, high, step = 1;
    low = high = low < list->count ? low : list->count;
    for (; high < list->count && list->edges[high].segment <= segment; step *= 2) {
        low = high + 1;
        high = step < list->count - high ? high + step : list->count;
    }
    for (; low > 0 && list->edges[low - 1].segment > segment; step *= 2) {
        high = low - 1;
        low = step < low ? low - step : 0;
    }
    return version_between(list, segment, low, high);
}

/* ---- who asks ---- */

/* Counts for new edges that they will ask for the clock of their source as it was there. An edge that is read later than those
 * that follow it, as while the trace grows, may be counted at another place: it is a hint for order_walk.c. Where a clock is
 * one leaf it is learned from edges in less time than this takes. */
static void count_asks(struct order *order)
{
    if (order->task_count <= CLOCK_LEAF)
        return;
    uint32_t *near = memory_get(order->task_count, sizeof(*near));
    for (uint32_t t = 1; t < order->task_count; t++) {
        struct order_list *list = &order->lists[t];
        for (; list->asked < list->count; list->asked++) {
            struct order_edge *edge = &list->edges[list->asked];
            if (edge->asked)
                continue;
            edge->asked = true;
            struct order_list *from = &order->lists[edge->from];
            near[edge->from] =
                order_version_near(order, edge->from, edge->from_segment, near[edge->from]);
            if (near[edge->from] <= from->retired)
                continue;
            from->edges[near[edge->from] - from->retired - 1].asks++;
            from->asks++;
        }
    }
    free(near);
}

/* ---- cycles ---- */

/*
 * Plays all edges through without clocks: each task applies its edges one by one, each of which
 * needs its source to have applied `version` of its own. Where nobody can go on there is a cycle;
 * the edge that one of them waits for is dropped, and so on until all are through.
 */
struct replay {
    struct order *order;
    uint32_t *applied; /* [task] edges applied */
    uint32_t *waiters; /* [task] first of the list of tasks that wait for it, 0 none */
    uint32_t *next;    /* [task] next in the list it is in */
    uint32_t *need;    /* [task] what it waits for: the version of its source */
    uint32_t *wake_at; /* [task] the least need of its waiters */
    uint32_t *ready;   /* stack of tasks that can go on */
    uint32_t ready_count;
};

static void wake(struct replay *replay, uint32_t task)
{
    uint32_t waiter = replay->waiters[task];
    replay->waiters[task] = 0;
    replay->wake_at[task] = UINT32_MAX;
    while (waiter) {
        uint32_t next = replay->next[waiter];
        if (replay->need[waiter] <= replay->applied[task]) {
            replay->need[waiter] = 0;
            replay->ready[replay->ready_count++] = waiter;
        } else {
            replay->next[waiter] = replay->waiters[task];
            replay->waiters[task] = waiter;
            if (replay->need[waiter] < replay->wake_at[task])
                replay->wake_at[task] = replay->need[waiter];
        }
        waiter = next;
    }
}

static void replay_task(struct replay *replay, uint32_t task)
{
    const struct order *order = replay->order;
    const struct order_edge *edges = order->lists[task].edges;
    uint32_t count = order->lists[task].count;
    while (replay->applied[task] < count) {
        const struct order_edge *edge = &edges[replay->applied[task]];
        uint32_t version = edge->from == ORDER_DROPPED
                               ? 0
                               : order_version_near(order, edge->from, edge->from_segment,
                                                    replay->applied[edge->from]);
        if (version && replay->applied[edge->from] < version) {
            replay->need[task] = version;
            replay->next[task] = replay->waiters[edge->from];
            replay->waiters[edge->from] = task;
            if (version < replay->wake_at[edge->from])
                replay->wake_at[edge->from] = version;
            return;
        }
        replay->applied[task]++;
        if (replay->applied[task] >= replay->wake_at[task])
            wake(replay, task);
    }
}

static void drop_cycles(struct trace *trace, struct order *order)
{
    size_t n = order->task_count + 1u;
    struct replay replay = {.order = order,
                            .applied = memory_get(n, 4),
                            .waiters = memory_get(n, 4),
                            .next = memory_get(n, 4),
                            .need = memory_get(n, 4),
                            .wake_at = memory_get(n, 4),
                            .ready = memory_get(n, 4)};
    for (uint32_t t = order->task_count; t-- > 1;) {
        replay.wake_at[t] = UINT32_MAX;
        replay.ready[replay.ready_count++] = t;
    }
    uint32_t stuck = 1;
    for (;;) {
        while (replay.ready_count)
            replay_task(&replay, replay.ready[--replay.ready_count]);
        while (stuck < order->task_count && replay.need[stuck] == 0)
            stuck++;
        if (stuck >= order->task_count)
            break;
        struct order_edge *edge = &order->lists[stuck].edges[replay.applied[stuck]];
        trace_problem(trace, "sync", 0,
                      "task %u segment %llu and task %u segment %llu are each after the other; "
                      "the first was given up",
                      stuck, (unsigned long long)edge->segment, edge->from,
                      (unsigned long long)edge->from_segment);
        uint32_t *link = &replay.waiters[edge->from];
        while (*link != stuck)
            link = &replay.next[*link];
        *link = replay.next[stuck];
        edge->from = ORDER_DROPPED;
        replay.need[stuck] = 0;
        replay.ready[replay.ready_count++] = stuck;
        stuck = 1;
    }
    free(replay.applied);
    free(replay.waiters);
    free(replay.next);
    free(replay.need);
    free(replay.wake_at);
    free(replay.ready);
}

/* ---- build ---- */

#define CACHE_ENTRIES 8u
struct order_cache {
    struct {
        uint64_t *clock;
        uint64_t segment;
        uint32_t task;
        bool hard;
    } entries[CACHE_ENTRIES];
    uint32_t next;
    uint32_t *seen;    /* [task] edges followed already */
    uint32_t *pending; /* tasks with edges to follow */
    bool *queued;
};

static void cache_forget(struct order_cache *cache)
{
    for (uint32_t i = 0; i < CACHE_ENTRIES; i++)
        free(cache->entries[i].clock);
    free(cache->seen);
    free(cache->pending);
    free(cache->queued);
    *cache = (struct order_cache){.next = 0};
}

struct order *order_begin(void)
{
    struct order *order = memory_get(1, sizeof(*order));
    order->task_count = 1;
    order->lists = memory_get(1, sizeof(*order->lists));
    order->cache = memory_get(1, sizeof(*order->cache));
    return order;
}

void order_read(struct order *order, struct trace *trace)
{
    if (trace->task_count > order->task_count) {
        order->lists = memory_resize(order->lists, trace->task_count, sizeof(*order->lists));
        memset(order->lists + order->task_count, 0,
               (trace->task_count - order->task_count) * sizeof(*order->lists));
        order->task_count = trace->task_count;
    }
    order->cursors = memory_resize(order->cursors, trace->stream_count, sizeof(*order->cursors));
    for (; order->cursor_count < trace->stream_count; order->cursor_count++)
        sync_open(&order->cursors[order->cursor_count], trace, order->cursor_count);
    for (uint32_t i = 0; i < trace->stream_count; i++)
        read_stream(trace, order, i);
    take_births(trace, order);
    for (uint32_t t = 0; t < order->task_count; t++) {
        struct order_list *list = &order->lists[t];
        if (list->unsorted) {
            qsort(list->edges, list->count, sizeof(*list->edges), compare_segments);
            list->asked = 0;
        }
        list->unsorted = false;
    }
    count_asks(order);
    cache_forget(order->cache);
    if (order->keep)
        order_keep_settle(order);
}

struct order *order_build(struct trace *trace)
{
    struct order *order = order_begin();
    order_read(order, trace);
    drop_cycles(trace, order);
    return order;
}

void order_free(struct order *order)
{
    if (!order)
        return;
    order_keep_free(order);
    cache_forget(order->cache);
    free(order->cache);
    for (uint32_t t = 0; t < order->task_count; t++)
        free(order->lists[t].edges);
    free(order->lists);
    free(order->base);
    free(order->next);
    free(order->asleep);
    free(order->cursors);
    free(order);
}

/* ---- point queries ---- */

const struct order_edge *order_last_edge(const struct order *order, uint32_t task, uint64_t segment)
{
    if (task >= order->task_count)
        return NULL;
    uint32_t first = order->lists[task].retired;
    for (uint32_t version = order_version(order, task, segment); version > first; version--)
        if (order_edge_at(order, task, version - 1)->from != ORDER_DROPPED)
            return order_edge_at(order, task, version - 1);
    return NULL;
}

static void raise_clock(struct order_cache *cache, uint64_t *clock, uint32_t *count, uint32_t task,
                        uint64_t segment)
{
    if (clock[task] >= segment)
        return;
    clock[task] = segment;
    if (!cache->queued[task])
        cache->pending[(*count)++] = task;
    cache->queued[task] = true;
}

/* Raises `clock` to what (task, segment) is after by edges that were retired, as far as that is known. */
static void raise_to_base(const struct order *order, uint64_t *clock, uint32_t *count,
                          uint32_t task, bool hard)
{
    uint64_t segment = clock[task];
    if (task >= order->base_size)
        return;
    bool sleeps = order_sleeps(order, task);
    const struct order_pairs *own = hard ? order_keep_hard(order, task) : NULL;
    if (own && segment < (sleeps ? order->next[task] - 1 : order->base[task]))
        return;
    for (uint32_t i = 0; own && i < own->count; i++)
        if (own->pairs[i].task != task)
            raise_clock(order->cache, clock, count, own->pairs[i].task, own->pairs[i].segment);
    bool to_come = !hard && order->next && !sleeps && segment >= order->next[task];
    bool retired = order->lists[task].retired && segment >= order->base[task];
    for (uint32_t i = 1; !own && (to_come || retired) && i < order->base_size; i++)
        if (i != task)
            raise_clock(order->cache, clock, count, i, order->base[i]);
}

/* Follows edges backwards from (task, segment), each once. */
void order_search(struct order *order, uint64_t *clock, uint32_t task, uint64_t segment, bool hard)
{
    struct order_cache *cache = order->cache;
    uint32_t count = 0;
    if (!cache->seen) {
        cache->seen = memory_get(order->task_count, sizeof(*cache->seen));
        cache->pending = memory_get(order->task_count, sizeof(*cache->pending));
        cache->queued = memory_get(order->task_count, sizeof(*cache->queued));
    }
    memset(cache->seen, 0, order->task_count * sizeof(*cache->seen));
    memset(clock, 0, order->task_count * sizeof(*clock));
    raise_clock(cache, clock, &count, task, segment);
    while (count) {
        uint32_t t = cache->pending[--count];
        cache->queued[t] = false;
        const struct order_list *list = &order->lists[t];
        if (!cache->seen[t])
            raise_to_base(order, clock, &count, t, hard);
        uint32_t upto = order_version(order, t, clock[t]) - list->retired;
        while (cache->seen[t] < upto) {
            const struct order_edge *edge = &list->edges[cache->seen[t]++];
            if (edge->from != ORDER_DROPPED && (!hard || edge->hard))
                raise_clock(cache, clock, &count, edge->from, edge->from_segment);
        }
    }
}

const uint64_t *order_clock(struct order *order, uint32_t task, uint64_t segment, bool hard)
{
    struct order_cache *cache = order->cache;
    for (uint32_t i = 0; i < CACHE_ENTRIES; i++) {
        if (cache->entries[i].clock && cache->entries[i].task == task &&
            cache->entries[i].segment == segment && cache->entries[i].hard == hard)
            return cache->entries[i].clock;
    }
    uint32_t slot = cache->next++ % CACHE_ENTRIES;
    if (!cache->entries[slot].clock)
        cache->entries[slot].clock = memory_get(order->task_count, sizeof(uint64_t));
    cache->entries[slot].task = task;
    cache->entries[slot].segment = segment;
    cache->entries[slot].hard = hard;
    order_search(order, cache->entries[slot].clock, task, segment, hard);
    return cache->entries[slot].clock;
}

bool order_before(struct order *order, uint32_t a, uint64_t a_segment, uint32_t b,
                  uint64_t b_segment, bool hard)
{
    if (a >= order->task_count || b >= order->task_count)
        return false;
    if (a == b)
        return a_segment <= b_segment;
    bool before;
    if (hard && order_keep_before(order, a, a_segment, b, b_segment, &before))
        return before;
    return order_clock(order, b, b_segment, hard)[a] >= a_segment;
}
