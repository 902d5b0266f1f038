/* The tasks at the end of a trace in words: see roster.h. */
#include "analyzer/roster.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/describe.h"
#include "analyzer/memory.h"
#include "analyzer/wait.h"

static char *place_of(const struct analysis *analysis, uint32_t stack_id)
{
    struct stack stack = symbols_stack_id(analysis->symbols, stack_id);
    const struct frame *site = stack_site(&stack);
    char *text = NULL;
    if (site) {
        char *place = frame_place(site);
        text =
            site->function ? memory_format("%s in %s", place, site->function) : memory_text(place);
        free(place);
    }
    stack_free(&stack);
    return text;
}

static bool same(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

/* Goroutines at one place, each with a channel of its own: there may be a hundred thousand of them. */
static bool same_wait(const struct trace_task *a, const struct trace_task *b)
{
    return a->kind == TRACE_TASK_GOROUTINE && b->kind == TRACE_TASK_GOROUTINE &&
           a->state == TRACE_TASK_BLOCKED && a->primitive == b->primitive;
}

/* Names differ by their number only. */
static bool alike(const struct analysis *analysis, const struct roster_line *a,
                  const struct trace_task *task, const struct roster_line *b)
{
    const struct trace_task *first = &analysis->trace->tasks[a->task];
    return first->entry == task->entry && first->state == task->state &&
           !strcmp(first->name, task->name) && first->wait_stack == task->wait_stack &&
           a->stuck == b->stuck && (same_wait(first, task) || same(a->state, b->state)) &&
           same(a->held, b->held) && same(a->by, b->by);
}

static void line_free(struct roster_line *line)
{
    free(line->name);
    free(line->state);
    free(line->since);
    free(line->place);
    free(line->held);
    free(line->by);
}

static struct roster_line line_make(const struct analysis *analysis, const struct wait_graph *graph,
                                    uint32_t id, uint64_t now)
{
    const struct trace_task *task = &analysis->trace->tasks[id];
    const struct wait *wait = &graph->waits[id];
    struct roster_line line = {.task = id, .count = 1, .stuck = wait->stuck};
    line.name = describe_task(analysis, id);
    line.state = describe_state(analysis, id);
    if (task->state != TRACE_TASK_BLOCKED)
        return line;
    line.held = describe_held(analysis, id); /* listed only when it begins to wait */
    line.since = describe_between(analysis, task->since_tsc, now);
    line.place = place_of(analysis, task->wait_stack);
    if (wait->blocker && wait->kind == WAIT_LOCK)
        line.by = describe_task(analysis, wait->blocker);
    return line;
}

struct roster roster_make(const struct analysis *analysis, uint64_t now)
{
    struct roster roster = {0};
    uint32_t capacity = 0;
    struct wait_graph *graph = wait_build(analysis->trace);
    for (uint32_t id = 1; id < analysis->trace->task_count; id++) {
        const struct trace_task *task = &analysis->trace->tasks[id];
        if (task->state == TRACE_TASK_UNUSED || task->kind == TRACE_TASK_CLOCK ||
            task->flags & TRACE_TASK_SYSTEM)
            continue;
        if (task->state == TRACE_TASK_ENDED) {
            roster.ended++;
            continue;
        }
        struct roster_line line = line_make(analysis, graph, id, now);
        uint32_t i = 0;
        while (i < roster.count && !alike(analysis, &roster.lines[i], task, &line))
            i++;
        if (i < roster.count) {
            roster.lines[i].count++;
            line_free(&line);
            continue;
        }
        MEMORY_GROW(roster.lines, roster.count, capacity);
        roster.lines[roster.count++] = line;
    }
    wait_free(graph);
    return roster;
}

void roster_free(struct roster *roster)
{
    for (uint32_t i = 0; i < roster->count; i++)
        line_free(&roster->lines[i]);
    free(roster->lines);
    *roster = (struct roster){0};
}
