/*
 * Who holds a lock: its owner is told at the lock itself, readers are not. A task's own list of what it
 * holds is written when it begins to wait. Invariant: the holdings are sorted by object, then task.
 */
#include <stdlib.h>

#include "analyzer/memory.h"
#include "analyzer/wait.h"

struct holding {
    uint32_t object, task;
};

static int compare_holdings(const void *a, const void *b)
{
    const struct holding *x = a, *y = b;
    if (x->object != y->object)
        return x->object < y->object ? -1 : 1;
    return x->task < y->task ? -1 : x->task > y->task;
}

/* What the blocked tasks hold that has readers, by object: else each of 10,000 tasks that wait for a
 * lock would look at all. */
void wait_holdings_collect(struct wait_graph *graph)
{
    uint32_t capacity = 0;
    for (uint32_t t = 1; t < graph->task_count; t++) {
        const struct trace_task *task = &graph->trace->tasks[t];
        uint32_t listed = task->held_count < TRACE_HELD_MAX ? task->held_count : TRACE_HELD_MAX;
        for (uint32_t i = 0; task->state == TRACE_TASK_BLOCKED && i < listed; i++) {
            const struct trace_object *object = trace_object(graph->trace, task->held[i].object);
            if (!object || !object->readers)
                continue;
            MEMORY_GROW(graph->holdings, graph->holding_count, capacity);
            graph->holdings[graph->holding_count++] = (struct holding){task->held[i].object, t};
        }
    }
    if (graph->holding_count)
        qsort(graph->holdings, graph->holding_count, sizeof(*graph->holdings), compare_holdings);
}

uint32_t wait_holders(const struct wait_graph *graph, uint32_t id, uint32_t *tasks, uint32_t max)
{
    const struct trace_object *object = trace_object(graph->trace, id);
    uint32_t count = 0, low = 0, high = graph->holding_count;
    if (!object)
        return 0;
    if (object->owner && max)
        tasks[count++] = object->owner;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (graph->holdings[middle].object < id)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < graph->holding_count && graph->holdings[low].object == id && count < max; low++) {
        uint32_t task = graph->holdings[low].task;
        if (task != object->owner && !(count && tasks[count - 1] == task))
            tasks[count++] = task;
    }
    return count;
}
