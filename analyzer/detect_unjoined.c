/*
 * Tasks whose end nobody awaits: joinable and never joined (ended or not), and detached ones that
 * were still at work when the program ended itself. One finding for a place of creation, with a
 * count. Nothing is said if the program did not come to its end by itself: then it had no occasion
 * to join.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/analysis.h"
#include "analyzer/describe.h"
#include "analyzer/memory.h"

static bool by_itself(const struct trace *trace)
{
    return !coverage_stopped(trace) &&
           (trace->process.end == TRACE_END_EXIT || trace->process.end == TRACE_END_QUICK);
}

static bool is_thread(const struct trace_task *task)
{
    return task->state != TRACE_TASK_UNUSED && task->kind == TRACE_TASK_THREAD &&
           !(task->flags & (TRACE_TASK_MAIN | TRACE_TASK_FOREIGN | TRACE_TASK_SYSTEM));
}

/* Tasks that some task waits to join at this moment: it had no chance to go on. */
static bool *awaited(const struct trace *trace)
{
    bool *result = memory_get(trace->task_count, sizeof(*result));
    for (uint32_t id = 1; id < trace->task_count; id++) {
        const struct trace_task *task = &trace->tasks[id];
        if (task->state == TRACE_TASK_BLOCKED && task->primitive < PRIMITIVE_COUNT &&
            trace_primitives[task->primitive].kind == TRACE_OBJECT_TASK &&
            task->wait_value < trace->task_count)
            result[task->wait_value] = true;
    }
    return result;
}

static void report(struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = &analysis->trace->tasks[id];
    bool detached = task->flags & TRACE_TASK_DETACHED, ended = task->state == TRACE_TASK_ENDED;
    struct finding *finding =
        finding_new(FINDING_UNJOINED, detached ? FINDING_SUSPECTED : FINDING_PROVED,
                    detached ? "detached-running"
                    : ended  ? "never-joined"
                             : "running-at-exit");
    char *name = describe_task(analysis, id), *state = describe_state(analysis, id);
    char *parent = describe_task(analysis, task->parent);
    finding->object = describe_entry(analysis, id);
    if (!finding->object) /* no number: tasks of one place of creation are one finding */
        finding->object = memory_text(task->name[0] ? task->name : "task");
    struct part *part = finding_part(finding, PART_TASK, id,
                                     symbols_stack_id(analysis->symbols, task->create_stack));
    finding_set(&part->text, "%s was created by %s", name, parent);
    if (part->text[0] >= 'a' && part->text[0] <= 'z')
        part->text[0] = (char)(part->text[0] - 'a' + 'A');
    uint32_t doing = ended ? task->exit_stack : task->wait_stack;
    if (task->state == TRACE_TASK_BLOCKED || (ended && doing)) {
        part = finding_part(finding, PART_EVENT, id, symbols_stack_id(analysis->symbols, doing));
        finding_set(&part->text, "At the end it was %s", state);
        if (ended)
            finding_set(&part->text, "It %s", state);
    }
    if (detached)
        finding_set(&finding->summary,
                    "%s is detached and was still %s when the program ended: its work may be "
                    "cut short",
                    name, state);
    else if (ended)
        finding_set(&finding->summary, "%s %s and was neither joined nor detached", name, state);
    else
        finding_set(&finding->summary,
                    "%s is joinable, was never joined, and was still %s when the program ended",
                    name, state);
    if (detached)
        finding_set(&finding->why, "it is harmless if the task has nothing to finish");
    finding_set(&finding->advice, "%s",
                detached ? "tell it to stop and wait for it before main returns"
                : ended  ? "join it (its stack and result are kept until then), or detach it"
                         : "join it before the program ends, or detach it if it may be cut off");
    free(name);
    free(state);
    free(parent);
    analysis_add(analysis, finding);
}

/* ---- tasks of a pool ---- */

static bool is_job(const struct trace_object *object)
{
    return object->kind == TRACE_OBJECT_JOB && object->value & TRACE_JOB_SUBMITTED;
}

/* Of those that were submitted at the same place some were awaited. */
static bool others_awaited(const struct trace *trace, uint32_t stack)
{
    for (uint32_t id = 1; id < trace->object_count; id++) {
        const struct trace_object *object = &trace->objects[id];
        if (is_job(object) && object->create_stack == stack && object->value & TRACE_JOB_AWAITED)
            return true;
    }
    return false;
}

static void report_job(struct analysis *analysis, uint32_t id, const char *rule, const char *what)
{
    const struct trace_object *object = &analysis->trace->objects[id];
    bool lost = object->value & TRACE_JOB_STARTED;
    struct finding *finding = finding_new(FINDING_UNJOINED, FINDING_SUSPECTED, rule);
    char *who = describe_task(analysis, object->create_task);
    struct part *part = finding_part(finding, PART_TASK, object->create_task,
                                     symbols_stack_id(analysis->symbols, object->create_stack));
    finding_set(&part->text, "It was submitted by %s", who);
    finding->object = memory_text("pool task"); /* no name: those of one place are one finding */
    finding_set(&finding->summary, "a task of a pool was submitted %s", what);
    finding_set(&finding->why, "%s",
                lost ? "others that were submitted at the same place were awaited"
                     : "it is harmless if what it was to do is not wanted any more");
    finding_set(&finding->advice, "%s",
                lost ? "await it: whether it failed, and what it did, is not known before that"
                     : "let the pool finish what was submitted before the program ends, or take it "
                       "back (free its memory)");
    free(who);
    analysis_add(analysis, finding);
}

static void detect_jobs(struct analysis *analysis)
{
    const struct trace *trace = analysis->trace;
    for (uint32_t id = 1; id < trace->object_count; id++) {
        const struct trace_object *object = &trace->objects[id];
        if (!is_job(object) || object->state != TRACE_OBJECT_LIVE || object->waiters)
            continue;
        if (!(object->value & TRACE_JOB_STARTED))
            report_job(analysis, id, "pool-task-never-started",
                       "and was not yet begun when the program ended");
        else if (object->value & TRACE_JOB_FINISHED && !(object->value & TRACE_JOB_AWAITED) &&
                 others_awaited(trace, object->create_stack))
            report_job(analysis, id, "pool-task-never-awaited", "and nobody ever awaited it");
    }
}

/* ---- fibers ---- */

/* Switched away from in a way that it could have been switched back to. */
static bool is_suspended(const struct trace_task *task)
{
    return task->kind == TRACE_TASK_FIBER && task->state == TRACE_TASK_BLOCKED &&
           task->primitive == PRIMITIVE_swapcontext;
}

static void report_fiber(struct analysis *analysis, uint32_t id)
{
    const struct trace_task *task = &analysis->trace->tasks[id];
    struct finding *finding = finding_new(FINDING_LEAK, FINDING_SUSPECTED, "fiber-not-finished");
    char *name = describe_task(analysis, id), *held = describe_held(analysis, id);
    char *parent = describe_task(analysis, task->parent);
    finding->object = describe_entry(analysis, id);
    if (!finding->object)
        finding->object = memory_text("fiber");
    struct part *part =
        finding_part(finding, PART_WAIT, id, symbols_stack_id(analysis->symbols, task->wait_stack));
    finding_set(&part->text, "%s switched away here, and nobody switched back", name);
    part = finding_part(finding, PART_TASK, id,
                        symbols_stack_id(analysis->symbols, task->create_stack));
    finding_set(&part->text, "It was created by %s", parent);
    finding_set(&finding->summary, "%s is a fiber that was never finished%s%s", name,
                held ? "; it holds " : "", held ? held : "");
    finding_set(&finding->why, "what it holds nobody can give up but itself");
    finding_set(&finding->advice, "switch to it until it ends, so that it can put its things in "
                                  "order, or free its stack if it has none");
    free(name);
    free(held);
    free(parent);
    analysis_add(analysis, finding);
}

static void detect_fibers(struct analysis *analysis)
{
    const struct trace *trace = analysis->trace;
    for (uint32_t id = 1; id < trace->task_count; id++)
        if (is_suspended(&trace->tasks[id]) && !analysis->reported[id] &&
            trace->tasks[id].held_count)
            report_fiber(analysis, id);
}

void detect_unjoined(struct analysis *analysis)
{
    const struct trace *trace = analysis->trace;
    if (!by_itself(trace))
        return;
    bool *expected = awaited(trace);
    for (uint32_t id = 1; id < trace->task_count; id++) {
        const struct trace_task *task = &trace->tasks[id];
        if (!is_thread(task) || task->flags & TRACE_TASK_JOINED || expected[id] ||
            analysis->reported[id] || id == trace->process.end_task)
            continue;
        bool detached = task->flags & TRACE_TASK_DETACHED;
        /* A detached task that waits is idle by design or was reported as blocked; one that ended
         * is done. */
        if (detached && task->state != TRACE_TASK_RUNNING && task->state != TRACE_TASK_CREATED)
            continue;
        report(analysis, id);
    }
    free(expected);
    detect_jobs(analysis);
    detect_fibers(analysis);
}
