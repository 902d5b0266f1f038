/*
 * Builds the index of edges from the sync streams and answers point queries: see order.h.
 */
#include "analyzer/order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

/* ---- reading ---- */

struct raw_edge {
    struct order_edge edge;
    uint32_t task;
};

struct raw {
    struct raw_edge *edges;
    uint64_t count, capacity;
};

static bool soft_object(const struct trace *trace, uint32_t id)
{
    const struct trace_object *object = trace_object(trace, id);
    return object && (object->kind == TRACE_OBJECT_MUTEX || object->kind == TRACE_OBJECT_RWLOCK ||
                      object->kind == TRACE_OBJECT_SPIN);
}

/* Takes an EDGE or FOLD record; returns what is wrong with it, or NULL. */
static const char *take_edge(struct trace *trace, struct raw *raw, const struct trace_sync *record)
{
    if (record->task == 0 || record->task >= trace->task_count)
        return "edge of a task that is not in the table";
    if (record->from == 0 || record->from >= trace->task_count)
        return "edge from a task that is not in the table";
    if (record->from == record->task) /* it says nothing, unless it is wrong */
        return record->from_segment < record->segment ? NULL : "edge from a task's own future";
    bool fold = record->type == TRACE_SYNC_FOLD;
    MEMORY_GROW(raw->edges, raw->count, raw->capacity);
    raw->edges[raw->count++] = (struct raw_edge){
        .edge = {.segment = record->segment,
                 .from_segment = record->from_segment,
                 .pc = fold ? 0 : record->pc,
                 .from = record->from,
                 .object = fold ? 0 : record->object,
                 /* A fold only passes on what its object's edges then carry: it is as hard as they
              * are. */
                 .hard = fold || !soft_object(trace, record->object)},
        .task = record->task};
    return NULL;
}

static void read_stream(struct trace *trace, struct order *order, struct raw *raw, uint32_t stream)
{
    char name[32];
    snprintf(name, sizeof(name), "sync.%u", stream);
    struct sync_cursor cursor;
    struct trace_sync record;
    sync_open(&cursor, trace, stream);
    while (sync_next(&cursor, &record)) {
        order->sync_records++;
        const char *wrong = NULL;
        if (record.type == TRACE_SYNC_EDGE || record.type == TRACE_SYNC_FOLD)
            wrong = take_edge(trace, raw, &record);
        else if (record.type == TRACE_SYNC_LOST)
            wrong = "records are missing here";
        if (wrong)
            trace_problem(trace, name, cursor.offset, "%s", wrong);
    }
    if (cursor.error)
        trace_problem(trace, name, cursor.error_offset, "%s", cursor.error);
}

/* A goroutine is after the go statement that made it: so says its slot, no record. */
static void take_statements(struct trace *trace, struct raw *raw)
{
    for (uint32_t id = 1; id < trace->task_count; id++) {
        const struct trace_task *task = &trace->tasks[id];
        if (!task->state || task->kind != TRACE_TASK_GOROUTINE || !task->parent)
            continue;
        struct trace_sync record = {.type = TRACE_SYNC_EDGE,
                                    .task = id,
                                    .segment = 1,
                                    .from = task->parent,
                                    .from_segment = task->parent_segment};
        const char *wrong = take_edge(trace, raw, &record);
        if (wrong)
            trace_problem(trace, "tasks", 0, "%s", wrong);
    }
}

/* The bytes of a stream that hold something, not the room made ready. */
static uint64_t stream_bytes(const struct trace *trace, uint32_t stream)
{
    const struct trace_blob *blob = &trace->sync[stream];
    uint64_t bytes = 0;
    struct trace_chunk_header chunk;
    if (blob->size >= TRACE_SYNC_WINDOW + sizeof(chunk)) {
        memcpy(&chunk, blob->bytes + TRACE_SYNC_WINDOW, sizeof(chunk));
        bytes = chunk.magic == TRACE_CHUNK_MAGIC ? chunk.used : 0;
    }
    for (uint64_t at = TRACE_SYNC_OFFSET; at + sizeof(chunk) <= blob->size; at += chunk.size) {
        memcpy(&chunk, blob->bytes + at, sizeof(chunk));
        if (chunk.magic != TRACE_CHUNK_MAGIC || chunk.size < TRACE_CHUNK_MIN)
            break;
        bytes += chunk.used;
    }
    return bytes;
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

static void sort_edges(struct order *order, const struct raw *raw)
{
    uint64_t *next = memory_get(order->task_count + 1u, sizeof(*next));
    for (uint64_t i = 0; i < raw->count; i++)
        order->first[raw->edges[i].task + 1]++;
    for (uint32_t t = 0; t < order->task_count; t++) {
        order->first[t + 1] += order->first[t];
        next[t] = order->first[t];
    }
    for (uint64_t i = 0; i < raw->count; i++)
        order->edges[next[raw->edges[i].task]++] = raw->edges[i].edge;
    free(next);
    for (uint32_t t = 0; t < order->task_count; t++) {
        struct order_edge *edges = order->edges + order->first[t];
        uint64_t count = order_edges(order, t);
        for (uint64_t i = 1; i < count; i++) {
            if (edges[i].segment < edges[i - 1].segment) { /* of several streams, or a fold's */
                qsort(edges, count, sizeof(*edges), compare_segments);
                break;
            }
        }
    }
}

uint32_t order_version(const struct order *order, uint32_t task, uint64_t segment)
{
    const struct order_edge *edges = order->edges + order->first[task];
    uint64_t low = 0, high = order_edges(order, task);
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (edges[middle].segment <= segment)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)low;
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
    const struct order_edge *edges = order->edges + order->first[task];
    uint64_t count = order_edges(order, task);
    while (replay->applied[task] < count) {
        const struct order_edge *edge = &edges[replay->applied[task]];
        if (edge->from != ORDER_DROPPED && replay->applied[edge->from] < edge->version) {
            replay->need[task] = edge->version;
            replay->next[task] = replay->waiters[edge->from];
            replay->waiters[edge->from] = task;
            if (edge->version < replay->wake_at[edge->from])
                replay->wake_at[edge->from] = edge->version;
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
        struct order_edge *edge = &order->edges[order->first[stuck] + replay.applied[stuck]];
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
    uint64_t *seen;    /* [task] edges followed already */
    uint32_t *pending; /* tasks with edges to follow */
    bool *queued;
};

struct order *order_build(struct trace *trace)
{
    struct order *order = memory_get(1, sizeof(*order));
    struct raw raw = {NULL, 0, 0};
    order->task_count = trace->task_count ? trace->task_count : 1;
    for (uint32_t i = 0; i < trace->stream_count; i++) {
        read_stream(trace, order, &raw, i);
        order->sync_bytes += stream_bytes(trace, i);
    }
    take_statements(trace, &raw);
    order->edge_count = raw.count;
    order->edges = memory_get(raw.count, sizeof(*order->edges));
    order->first = memory_get(order->task_count + 1u, sizeof(*order->first));
    sort_edges(order, &raw);
    free(raw.edges);
    for (uint64_t i = 0; i < order->edge_count; i++)
        order->edges[i].version =
            order_version(order, order->edges[i].from, order->edges[i].from_segment);
    drop_cycles(trace, order);
    order->cache = memory_get(1, sizeof(*order->cache));
    return order;
}

void order_free(struct order *order)
{
    if (!order)
        return;
    for (uint32_t i = 0; i < CACHE_ENTRIES; i++)
        free(order->cache->entries[i].clock);
    free(order->cache->seen);
    free(order->cache->pending);
    free(order->cache->queued);
    free(order->cache);
    free(order->edges);
    free(order->first);
    free(order);
}

/* ---- point queries ---- */

const struct order_edge *order_last_edge(const struct order *order, uint32_t task, uint64_t segment)
{
    if (task >= order->task_count)
        return NULL;
    const struct order_edge *edges = order->edges + order->first[task];
    for (uint32_t version = order_version(order, task, segment); version > 0; version--)
        if (edges[version - 1].from != ORDER_DROPPED)
            return &edges[version - 1];
    return NULL;
}

/* Follows edges backwards from (task, segment), each once. */
static void search(const struct order *order, struct order_cache *cache, uint64_t *clock,
                   uint32_t task, uint64_t segment, bool hard)
{
    uint32_t count = 0;
    if (!cache->seen) {
        cache->seen = memory_get(order->task_count, sizeof(*cache->seen));
        cache->pending = memory_get(order->task_count, sizeof(*cache->pending));
        cache->queued = memory_get(order->task_count, sizeof(*cache->queued));
    }
    memset(cache->seen, 0, order->task_count * sizeof(*cache->seen));
    memset(clock, 0, order->task_count * sizeof(*clock));
    clock[task] = segment;
    cache->pending[count++] = task;
    cache->queued[task] = true;
    while (count) {
        uint32_t t = cache->pending[--count];
        cache->queued[t] = false;
        const struct order_edge *edges = order->edges + order->first[t];
        uint64_t upto = order_version(order, t, clock[t]);
        while (cache->seen[t] < upto) {
            const struct order_edge *edge = &edges[cache->seen[t]++];
            if (edge->from == ORDER_DROPPED || (hard && !edge->hard) ||
                clock[edge->from] >= edge->from_segment)
                continue;
            clock[edge->from] = edge->from_segment;
            if (!cache->queued[edge->from]) {
                cache->queued[edge->from] = true;
                cache->pending[count++] = edge->from;
            }
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
    search(order, cache, cache->entries[slot].clock, task, segment, hard);
    return cache->entries[slot].clock;
}

bool order_before(struct order *order, uint32_t a, uint64_t a_segment, uint32_t b,
                  uint64_t b_segment, bool hard)
{
    if (a >= order->task_count || b >= order->task_count)
        return false;
    if (a == b)
        return a_segment <= b_segment;
    return order_clock(order, b, b_segment, hard)[a] >= a_segment;
}
