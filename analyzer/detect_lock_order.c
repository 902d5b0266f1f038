/*
 * Predicted deadlocks: cycles in the order in which locks are taken. An edge is one ORDER record: a
 * task that held `from` asked for `to`. A cycle of edges is a deadlock of another schedule if
 *   - each edge is another task's;
 *   - no two of the tasks hold a common lock meanwhile (a gate: they cannot be there at the same
 *     time), unless both hold it for reading;
 *   - no two of the edges are ordered by other things than locks (thread creation, joins,
 *     semaphores...), nor by a lock that one task had before the other could ask for it: who makes
 *     a thread while it holds a lock is through with it before the thread has had that lock;
 *   - each task is really blocked by the next: readers do not block readers.
 * A cycle that happened in this very run is left to detect_blocked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/analysis.h"
#include "analyzer/describe.h"
#include "analyzer/memory.h"
#include "analyzer/order.h"

#define CYCLE_MAX 8u /* locks in one cycle */
#define STEPS_MAX \
    2000000u /* of the search, in all: dense graphs of many locks have too many cycles to list */
#define CYCLES_MAX    1000u
#define INSTANCES_MAX 16u /* edges kept between the same two locks */

struct lock_edge {
    uint64_t segment;
    uint32_t from, to; /* nodes */
    uint32_t task;
    uint32_t want_stack, hold_stack;
    uint32_t want_mode, hold_mode;
    uint32_t held_count;
    struct trace_held held[TRACE_HELD_MAX];
    uint64_t since[TRACE_HELD_MAX];
};

struct taken { /* a lock that came from another task: from `segment` on the task had it */
    uint32_t task, object;
    uint64_t segment;
};

struct graph {
    struct analysis *analysis;
    struct lock_edge *edges; /* by from, then to */
    uint32_t edge_count, edge_capacity;
    uint32_t *objects; /* [node] object id, ascending */
    uint32_t node_count;
    uint32_t *first;     /* [node_count + 1] into edges */
    uint32_t *component; /* [node] strongly connected component */
    uint32_t steps;
    uint64_t *seen; /* hashes of cycles told already */
    uint32_t seen_count, seen_capacity;
    struct taken
        *taken; /* of locks held in edges, by task, object, segment; when first asked for */
    uint32_t taken_count, taken_capacity;
    bool taken_known;
};

/* ---- the graph ---- */

static int compare_edges(const void *a, const void *b)
{
    const struct lock_edge *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    return x->segment < y->segment ? -1 : x->segment > y->segment;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void take_record(struct graph *graph, const struct trace_sync *record)
{
    const struct trace *trace = graph->analysis->trace;
    if (!trace_object(trace, record->object) || record->task >= graph->analysis->order->task_count)
        return;
    for (uint32_t i = 0; i < record->held_count; i++) {
        if (record->held[i].object == record->object ||
            !trace_object(trace, record->held[i].object))
            continue;
        MEMORY_GROW(graph->edges, graph->edge_count, graph->edge_capacity);
        struct lock_edge *edge = &graph->edges[graph->edge_count++];
        *edge = (struct lock_edge){.segment = record->segment,
                                   .from = record->held[i].object,
                                   .to = record->object,
                                   .task = record->task,
                                   .want_stack = record->stack,
                                   .hold_stack = record->held[i].stack,
                                   .want_mode = record->mode,
                                   .hold_mode = record->held[i].mode,
                                   .held_count = record->held_count};
        memcpy(edge->held, record->held, record->held_count * sizeof(*record->held));
        memcpy(edge->since, record->since, record->held_count * sizeof(*record->since));
    }
}

static uint32_t node_of(const struct graph *graph, uint32_t object)
{
    const uint32_t *found =
        bsearch(&object, graph->objects, graph->node_count, sizeof(object), compare_ids);
    return (uint32_t)(found - graph->objects);
}

/* Keeps a few edges of each pair of locks; one of each task is worth more than many of one. */
static void thin_edges(struct graph *graph)
{
    uint32_t kept = 0, same = 0;
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        const struct lock_edge *edge = &graph->edges[i],
                               *last = kept ? &graph->edges[kept - 1] : NULL;
        bool pair = last && last->from == edge->from && last->to == edge->to;
        same = pair ? same + 1 : 0;
        if (same >= INSTANCES_MAX && last->task == edge->task)
            continue;
        if (same >= INSTANCES_MAX * 4)
            continue;
        graph->edges[kept++] = *edge;
    }
    graph->edge_count = kept;
}

static void build(struct graph *graph)
{
    const struct trace *trace = graph->analysis->trace;
    struct trace_sync *record = memory_get(1, sizeof(*record));
    struct sync_cursor cursor;
    for (uint32_t i = 0; i < trace->stream_count; i++) {
        sync_open(&cursor, trace, i);
        while (sync_next(&cursor, record))
            if (record->type == TRACE_SYNC_ORDER)
                take_record(graph, record);
    }
    free(record);
    graph->objects = memory_get(2u * graph->edge_count, sizeof(*graph->objects));
    uint32_t count = 0;
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        graph->objects[count++] = graph->edges[i].from;
        graph->objects[count++] = graph->edges[i].to;
    }
    qsort(graph->objects, count, sizeof(*graph->objects), compare_ids);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || graph->objects[i] != graph->objects[graph->node_count - 1])
            graph->objects[graph->node_count++] = graph->objects[i];
    for (uint32_t i = 0; i < graph->edge_count; i++) {
        graph->edges[i].from = node_of(graph, graph->edges[i].from);
        graph->edges[i].to = node_of(graph, graph->edges[i].to);
    }
    if (graph->edge_count)
        qsort(graph->edges, graph->edge_count, sizeof(*graph->edges), compare_edges);
    thin_edges(graph);
    graph->first = memory_get(graph->node_count + 1u, sizeof(*graph->first));
    for (uint32_t i = 0; i < graph->edge_count; i++)
        graph->first[graph->edges[i].from + 1]++;
    for (uint32_t n = 0; n < graph->node_count; n++)
        graph->first[n + 1] += graph->first[n];
}

/* ---- strongly connected components (Tarjan, with a stack of its own) ---- */

struct visit {
    uint32_t node, edge;
};

static void find_components(struct graph *graph)
{
    uint32_t n = graph->node_count, depth = 0, stacked = 0, next_index = 1;
    uint32_t *index = memory_get(n, 4), *low = memory_get(n, 4), *stack = memory_get(n, 4);
    struct visit *path = memory_get(n + 1u, sizeof(*path));
    graph->component =
        memory_get(n, sizeof(*graph->component)); /* 0: still on the stack, or unmet */
    for (uint32_t root = 0; root < n; root++) {
        if (index[root])
            continue;
        index[root] = low[root] = next_index++;
        stack[stacked++] = root;
        path[depth++] = (struct visit){root, graph->first[root]};
        while (depth) {
            struct visit *top = &path[depth - 1];
            if (top->edge < graph->first[top->node + 1]) {
                uint32_t to = graph->edges[top->edge++].to;
                if (!index[to]) {
                    index[to] = low[to] = next_index++;
                    stack[stacked++] = to;
                    path[depth++] = (struct visit){to, graph->first[to]};
                } else if (!graph->component[to] && index[to] < low[top->node]) {
                    low[top->node] = index[to];
                }
                continue;
            }
            uint32_t node = top->node;
            depth--;
            if (depth && low[node] < low[path[depth - 1].node])
                low[path[depth - 1].node] = low[node];
            if (low[node] != index[node])
                continue;
            do
                graph->component[stack[--stacked]] = index[node];
            while (stack[stacked] != node);
        }
    }
    free(index);
    free(low);
    free(stack);
    free(path);
}

/* ---- is a cycle feasible ---- */

static bool share_gate(const struct lock_edge *a, const struct lock_edge *b)
{
    for (uint32_t i = 0; i < a->held_count; i++)
        for (uint32_t j = 0; j < b->held_count; j++)
            if (a->held[i].object == b->held[j].object &&
                (a->held[i].mode != TRACE_MODE_SHARED || b->held[j].mode != TRACE_MODE_SHARED))
                return true;
    return false;
}

static int compare_taken(const void *a, const void *b)
{
    const struct taken *x = a, *y = b;
    if (x->task != y->task)
        return x->task < y->task ? -1 : 1;
    if (x->object != y->object)
        return x->object < y->object ? -1 : 1;
    return x->segment < y->segment ? -1 : x->segment > y->segment;
}

/* Every lock that is held in an edge is a node. */
static void find_taken(struct graph *graph)
{
    const struct trace *trace = graph->analysis->trace;
    struct trace_sync *record = memory_get(1, sizeof(*record));
    struct sync_cursor cursor;
    for (uint32_t i = 0; i < trace->stream_count; i++) {
        sync_open(&cursor, trace, i);
        while (sync_next(&cursor, record)) {
            if (record->type != TRACE_SYNC_EDGE ||
                !bsearch(&record->object, graph->objects, graph->node_count,
                         sizeof(*graph->objects), compare_ids))
                continue;
            MEMORY_GROW(graph->taken, graph->taken_count, graph->taken_capacity);
            graph->taken[graph->taken_count++] =
                (struct taken){record->task, record->object, record->segment};
        }
    }
    free(record);
    if (graph->taken_count)
        qsort(graph->taken, graph->taken_count, sizeof(*graph->taken), compare_taken);
    graph->taken_known = true;
}

/* The newest segment before `segment` in which the task took the lock from another one; 0: none. */
static uint64_t last_taken(struct graph *graph, uint32_t task, uint32_t object, uint64_t segment)
{
    if (!graph->taken_known)
        find_taken(graph);
    const struct taken wanted = {task, object, segment};
    uint32_t low = 0, high = graph->taken_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_taken(&graph->taken[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct taken *last = low ? &graph->taken[low - 1] : NULL;
    return last && last->task == task && last->object == object ? last->segment : 0;
}

/* Whether `b` comes when `a` is over, in any schedule: before it, its task had a lock that `a` is under, and had to take it
 * after the task of `a` had done so. */
static bool passed_on(struct graph *graph, const struct lock_edge *a, const struct lock_edge *b)
{
    struct order *order = graph->analysis->order;
    for (uint32_t i = 0; i < a->held_count; i++) {
        if (a->held[i].mode == TRACE_MODE_SHARED ||
            !order_before(order, a->task, a->since[i], b->task, b->segment, true))
            continue;
        uint64_t taken = last_taken(graph, b->task, a->held[i].object, b->segment);
        if (taken && order_before(order, a->task, a->since[i], b->task, taken, true))
            return true;
    }
    return false;
}

static bool together(struct graph *graph, const struct lock_edge *a, const struct lock_edge *b)
{
    struct order *order = graph->analysis->order;
    return a->task != b->task && !share_gate(a, b) &&
           !order_before(order, a->task, a->segment, b->task, b->segment, true) &&
           !order_before(order, b->task, b->segment, a->task, a->segment, true) &&
           !passed_on(graph, a, b) && !passed_on(graph, b, a);
}

/* Whether the task of `a`, which wants a->to, is blocked by the task of `b`, which holds it as
 * b->from. */
static bool blocks(const struct lock_edge *a, const struct lock_edge *b)
{
    return a->want_mode != TRACE_MODE_SHARED || b->hold_mode != TRACE_MODE_SHARED;
}

static bool happened(const struct graph *graph, struct lock_edge *const *cycle, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++) {
        const struct trace_task *task = trace_task(graph->analysis->trace, cycle[i]->task);
        if (!task || task->state != TRACE_TASK_BLOCKED ||
            task->object != graph->objects[cycle[i]->to])
            return false;
    }
    return true;
}

/* ---- findings ---- */

/* Locks made at one place are one kind of lock: a cycle between two of them is told once, however
 * many pairs there are. */
static bool told_already(struct graph *graph, struct lock_edge *const *cycle, uint32_t length)
{
    uint64_t hash = length;
    for (uint32_t i = 0; i < length; i++) /* a sum: where the cycle begins does not matter */
        hash += ((uint64_t)cycle[i]->want_stack << 32 | cycle[i]->hold_stack) *
                UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t i = 0; i < graph->seen_count; i++)
        if (graph->seen[i] == hash)
            return true;
    MEMORY_GROW(graph->seen, graph->seen_count, graph->seen_capacity);
    graph->seen[graph->seen_count++] = hash;
    return false;
}

static void report(struct graph *graph, struct lock_edge *const *cycle, uint32_t length)
{
    struct analysis *analysis = graph->analysis;
    struct finding *finding = finding_new(FINDING_DEADLOCK, FINDING_PREDICTED, "lock-order");
    char *chain = NULL;
    for (uint32_t i = 0; i < length; i++) {
        const struct lock_edge *edge = cycle[i];
        char *task = describe_task(analysis, edge->task);
        char *held = describe_object(analysis, graph->objects[edge->from]);
        char *wanted = describe_object(analysis, graph->objects[edge->to]);
        struct part *part = finding_part(finding, PART_WAIT, edge->task,
                                         symbols_stack_id(analysis->symbols, edge->want_stack));
        finding_set(&part->text, "%c%s asks for %s%s while it holds %s",
                    task[0] >= 'a' && task[0] <= 'z' ? task[0] - 'a' + 'A' : task[0], task + 1,
                    wanted, edge->want_mode == TRACE_MODE_SHARED ? " for reading" : "", held);
        part = finding_part(finding, PART_HOLD, edge->task,
                            symbols_stack_id(analysis->symbols, edge->hold_stack));
        finding_set(&part->text, "%c%s took %s%s",
                    task[0] >= 'a' && task[0] <= 'z' ? task[0] - 'a' + 'A' : task[0], task + 1,
                    held, edge->hold_mode == TRACE_MODE_SHARED ? " for reading" : "");
        char *longer = memory_format("%s%s -> ", chain ? chain : "", held);
        free(chain);
        chain = longer;
        free(task);
        free(held);
        free(wanted);
    }
    char *first = describe_object(analysis, graph->objects[cycle[0]->from]);
    finding_set(&finding->summary, "%u tasks take %u locks in conflicting orders: %s%s", length,
                length, chain, first);
    finding_set(
        &finding->why,
        "The run got through, but nothing keeps these tasks apart: no lock is held by two of "
        "them and no other synchronisation orders them. If each takes its first lock before "
        "any takes its second, all wait forever.");
    finding_set(&finding->advice, "Take these locks in one order everywhere.");
    free(first);
    free(chain);
    analysis_add(analysis, finding);
}

/* ---- the search ---- */

/* Extends a path of edges that can all be held at once, from cycle[0]->from; only through nodes of
 * the same component that are not less than the first, so that each cycle is met once. */
static void extend(struct graph *graph, struct lock_edge **cycle, uint32_t length)
{
    uint32_t start = cycle[0]->from, at = cycle[length - 1]->to;
    for (uint32_t e = graph->first[at]; e < graph->first[at + 1]; e++) {
        struct lock_edge *edge = &graph->edges[e];
        if (graph->steps++ > STEPS_MAX || graph->seen_count > CYCLES_MAX)
            return;
        if (edge->to < start || graph->component[edge->to] != graph->component[start] ||
            !blocks(cycle[length - 1], edge))
            continue;
        bool fits = edge->to != start || blocks(edge, cycle[0]);
        for (uint32_t i = 0; i < length && fits; i++)
            fits = (i == 0 || cycle[i]->from != edge->to) && together(graph, cycle[i], edge);
        if (!fits)
            continue;
        cycle[length] = edge;
        if (edge->to != start) {
            if (length + 1 < CYCLE_MAX)
                extend(graph, cycle, length + 1);
            continue;
        }
        if (!happened(graph, cycle, length + 1) && !told_already(graph, cycle, length + 1))
            report(graph, cycle, length + 1);
    }
}

void detect_lock_order(struct analysis *analysis)
{
    struct graph graph = {.analysis = analysis};
    build(&graph);
    find_components(&graph);
    for (uint32_t i = 0; i < graph.edge_count; i++) {
        struct lock_edge *cycle[CYCLE_MAX] = {&graph.edges[i]};
        if (graph.edges[i].to > graph.edges[i].from &&
            graph.component[graph.edges[i].to] == graph.component[graph.edges[i].from])
            extend(&graph, cycle, 1);
    }
    free(graph.edges);
    free(graph.objects);
    free(graph.first);
    free(graph.component);
    free(graph.seen);
    free(graph.taken);
}
