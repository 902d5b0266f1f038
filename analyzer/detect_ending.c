/*
 * How a Go program ended, and what that cut short: a panic or an error of the runtime, os.Exit in a goroutine while others
 * had something to finish, main's return before a goroutine began or while it was at work; and goroutines that ran for ever,
 * which nothing could have told to stop. Goroutines that wait, sleep, or serve are left alone (docs/policies.md).
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/analysis.h"
#include "analyzer/describe.h"
#include "analyzer/goroutine.h"
#include "analyzer/memory.h"

#define OTHERS_MAX 8u /* shown in one finding; others that do the same are counted with them */

struct ending {
    struct analysis *analysis;
    const struct trace *trace;
    uint32_t ender;
};

static void capital(char *text)
{
    if (text && text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
}

static struct part *part_add(const struct ending *ending, struct finding *finding,
                             enum part_role role, uint32_t id, uint32_t stack)
{
    return finding_part(finding, role, id, symbols_stack_id(ending->analysis->symbols, stack));
}

static void part_created(const struct ending *ending, struct finding *finding, uint32_t id)
{
    const struct trace_task *task = &ending->trace->tasks[id];
    if (!task->create_stack || task->handle == 1)
        return;
    char *name = describe_task(ending->analysis, id);
    char *parent = describe_task(ending->analysis, task->parent);
    struct part *part = part_add(ending, finding, PART_TASK, id, task->create_stack);
    finding_set(&part->text, "%s was created by %s", name, parent);
    capital(part->text);
    free(name);
    free(parent);
}

/* ---- what the others did ---- */

static bool alive(const struct ending *ending, uint32_t id)
{
    const struct trace_task *task = &ending->trace->tasks[id];
    return id != ending->ender && goroutine_is(ending->analysis, id) &&
           !(task->flags & TRACE_TASK_SYSTEM) &&
           (task->state == TRACE_TASK_CREATED || task->state == TRACE_TASK_RUNNING ||
            task->state == TRACE_TASK_BLOCKED);
}

static bool same_doing(const struct trace_task *a, const struct trace_task *b)
{
    return a->state == b->state && a->create_stack == b->create_stack &&
           (a->state != TRACE_TASK_BLOCKED || a->wait_stack == b->wait_stack);
}

static uint32_t doing_stack(const struct trace_task *task)
{
    return task->state == TRACE_TASK_BLOCKED  ? task->wait_stack
           : task->flags & TRACE_TASK_AT_WORK ? task->exit_stack
                                              : 0;
}

static void part_other(const struct ending *ending, struct finding *finding, uint32_t id,
                       uint32_t count)
{
    const struct trace_task *task = &ending->trace->tasks[id];
    char *name = describe_task(ending->analysis, id), *state = describe_state(ending->analysis, id);
    char *held = task->state == TRACE_TASK_BLOCKED ? describe_held(ending->analysis, id) : NULL;
    char *alike = count > 1 ? memory_format(" and %u alike", count - 1) : memory_text("");
    bool defers = task->flags & TRACE_TASK_DEFERS;
    struct part *part = part_add(ending, finding, PART_WAIT, id, doing_stack(task));
    finding_set(&part->text, "Meanwhile %s%s %s %s%s%s%s", name, alike, count > 1 ? "were" : "was",
                state, held ? ", holding " : "", held ? held : "",
                defers ? ", with deferred calls that were not made" : "");
    free(name);
    free(state);
    free(held);
    free(alike);
}

/* Those for which `wanted` holds; how many there are. */
static uint32_t others(const struct ending *ending, struct finding *finding,
                       bool (*wanted)(const struct ending *, uint32_t))
{
    struct {
        uint32_t id, count;
    } groups[OTHERS_MAX];
    uint32_t group_count = 0, all = 0;
    for (uint32_t id = 1; id < ending->trace->task_count; id++) {
        uint32_t i = 0;
        if (!alive(ending, id) || !wanted(ending, id))
            continue;
        all++;
        while (i < group_count &&
               !same_doing(&ending->trace->tasks[groups[i].id], &ending->trace->tasks[id]))
            i++;
        if (i == OTHERS_MAX)
            continue;
        if (i == group_count)
            groups[group_count++].id = id, groups[i].count = 0;
        groups[i].count++;
    }
    for (uint32_t i = 0; finding && i < group_count; i++)
        part_other(ending, finding, groups[i].id, groups[i].count);
    return all;
}

static bool anyone(const struct ending *ending, uint32_t id)
{
    return goroutine_own(ending->analysis, id) || ending->trace->tasks[id].handle == 1;
}

/* ---- a panic, an error of the runtime ---- */

static void object_of(const struct ending *ending, struct finding *finding, uint32_t id)
{
    bool main_task = ending->trace->tasks[id].handle == 1;
    finding->object = main_task ? NULL : describe_entry(ending->analysis, id);
    if (!finding->object)
        finding->object = memory_text(main_task ? "main" : "goroutine");
}

static void report_crash(const struct ending *ending)
{
    const struct trace_task *task = &ending->trace->tasks[ending->ender];
    bool panic = task->flags & TRACE_TASK_PANICKED;
    struct finding *finding =
        finding_new(FINDING_ENDING, FINDING_PROVED, panic ? "panic" : "fatal-error");
    char *name = describe_task(ending->analysis, ending->ender);
    char *message = describe_text(ending->trace, task->message);
    finding_set(&finding->summary, "%s %s%s%s, which ended the program", name,
                panic ? "panicked" : "met a fatal error of Go's runtime", message ? ": " : "",
                message ? message : "");
    capital(finding->summary);
    struct part *part = part_add(ending, finding, PART_EVENT, ending->ender, task->exit_stack);
    part->text = memory_text(panic ? "It panicked at" : "The error was met at");
    part_created(ending, finding, ending->ender);
    others(ending, finding, anyone);
    finding_set(&finding->why, "%s",
                panic ? "nothing up its stack recovered" : "it cannot be recovered");
    object_of(ending, finding, ending->ender);
    free(name);
    free(message);
    analysis_add(ending->analysis, finding);
}

/* ---- os.Exit ---- */

static bool never_begun(const struct ending *ending, uint32_t id)
{
    return ending->trace->tasks[id].state == TRACE_TASK_CREATED;
}

static bool at_work(const struct ending *ending, uint32_t id)
{
    const struct trace_task *task = &ending->trace->tasks[id];
    return task->state == TRACE_TASK_RUNNING && task->flags & TRACE_TASK_AT_WORK;
}

/* In the midst of something: about to begin, at work, with a lock, a value that it wants to hand over, or asleep with
 * calls deferred. What waits to be given something to do is not. */
static bool unfinished(const struct ending *ending, uint32_t id)
{
    const struct trace_task *task = &ending->trace->tasks[id];
    if (!anyone(ending, id))
        return false;
    if (at_work(ending, id))
        return true;
    if (ending->analysis->reported[id])
        return false;
    if (never_begun(ending, id))
        return !(task->flags & TRACE_TASK_TOLD);
    return task->state == TRACE_TASK_BLOCKED &&
           (task->held_count || task->primitive == PRIMITIVE_go_send ||
            (task->primitive == PRIMITIVE_go_sleep && task->flags & TRACE_TASK_DEFERS));
}

static void report_exit(const struct ending *ending)
{
    uint32_t count = others(ending, NULL, unfinished);
    if (!count)
        return;
    struct finding *finding = finding_new(FINDING_ENDING, FINDING_SUSPECTED, "exit-elsewhere");
    char *name = describe_task(ending->analysis, ending->ender);
    finding_set(&finding->summary,
                "%s, not main, ended the program with status %d while %u other goroutine%s not "
                "done",
                name, ending->trace->process.end_code, count, count == 1 ? " was" : "s were");
    capital(finding->summary);
    struct part *part =
        part_add(ending, finding, PART_EVENT, ending->ender, ending->trace->process.end_stack);
    finding_set(&part->text, "It called os.Exit at");
    part_created(ending, finding, ending->ender);
    others(ending, finding, unfinished);
    finding_set(&finding->why, "os.Exit and log.Fatal make no deferred calls and wait for nobody; "
                               "it is harmless if what was cut short may be lost");
    finding_set(&finding->advice, "tell main, by an error or a channel, and let it end the program "
                                  "when the others are done");
    object_of(ending, finding, ending->ender);
    free(name);
    analysis_add(ending->analysis, finding);
}

/* ---- main returned ---- */

static void report_left(const struct ending *ending, uint32_t id, const char *rule, char *summary,
                        const char *why, const char *advice)
{
    const struct trace_task *task = &ending->trace->tasks[id];
    struct finding *finding = finding_new(FINDING_LEAK, FINDING_SUSPECTED, rule);
    char *name = describe_task(ending->analysis, id);
    finding_set(&finding->summary, "%s %s", name, summary);
    capital(finding->summary);
    part_created(ending, finding, id);
    uint32_t stack = doing_stack(task);
    if (stack) {
        struct part *part = part_add(ending, finding, PART_EVENT, id, stack);
        part->text = memory_text(task->state == TRACE_TASK_BLOCKED ? "At the end it slept at"
                                                                   : "At the end it was at");
    }
    finding_set(&finding->why, "%s", why);
    finding_set(&finding->advice, "%s", advice);
    object_of(ending, finding, id);
    ending->analysis->reported[id] = true;
    free(name);
    free(summary);
    analysis_add(ending->analysis, finding);
}

/* Has it done anything by which it could have been told to stop? */
static bool was_told(const struct ending *ending, uint32_t id)
{
    const struct trace_task *task = &ending->trace->tasks[id];
    if (task->since_tsc || task->flags & TRACE_TASK_ASKED)
        return true;
    for (uint32_t i = 1; i < ending->trace->object_count; i++) {
        const struct trace_object *object = &ending->trace->objects[i];
        if (object->state && object->flags & TRACE_OBJECT_GO &&
            (object->owner == id || object->last_owner == id))
            return true;
    }
    return false;
}

/* Others of its place of creation wait, and so would it have; or it, or one of these, was told that there is no more to do,
 * by a channel that was closed. */
static bool is_pool(const struct ending *ending, uint32_t id)
{
    uint32_t site = ending->trace->tasks[id].create_stack;
    for (uint32_t i = 1; i < ending->trace->task_count; i++) {
        const struct trace_task *other = &ending->trace->tasks[i];
        if (other->create_stack == site &&
            (other->state == TRACE_TASK_BLOCKED || other->flags & TRACE_TASK_TOLD))
            return true;
    }
    return false;
}

static char *site_function(const struct ending *ending, uint32_t stack_id)
{
    struct stack stack = symbols_stack_id(ending->analysis->symbols, stack_id);
    const struct frame *site = stack_site(&stack);
    char *name = site && site->function ? memory_text(site->function) : NULL;
    stack_free(&stack);
    return name;
}

/* A package's initialisation starts what serves the whole run. */
static bool by_init(const struct ending *ending, uint32_t id)
{
    char *name = site_function(ending, ending->trace->tasks[id].create_stack);
    bool init = name && (strstr(name, ".init.") || strstr(name, "..init"));
    free(name);
    return init;
}

/* A wait group that is not at zero, that nobody waits for, and that was first used where the goroutine was made. */
static bool counted(const struct ending *ending, uint32_t id)
{
    const struct trace *trace = ending->trace;
    char *made = site_function(ending, trace->tasks[id].create_stack);
    bool found = false;
    for (uint32_t i = 1; made && i < trace->object_count && !found; i++) {
        const struct trace_object *object = &trace->objects[i];
        if (object->state != TRACE_OBJECT_LIVE || object->kind != TRACE_OBJECT_WAITGROUP ||
            object->value <= 0 || object->waiters)
            continue;
        char *used = site_function(ending, object->create_stack);
        found = used && !strcmp(used, made);
        free(used);
    }
    free(made);
    return found;
}

static void look(const struct ending *ending, uint32_t id)
{
    const struct trace *trace = ending->trace;
    const struct trace_task *task = &trace->tasks[id];
    static const char wait_advice[] =
        "let main wait for it before it returns: by a wait group, or a channel that it closes";
    if (never_begun(ending, id) && !is_pool(ending, id) && !by_init(ending, id)) {
        report_left(ending, id, "never-begun",
                    memory_text("had not yet begun when main ended the program"),
                    "it is harmless if it had nothing to do any more", wait_advice);
    } else if (at_work(ending, id) && !was_told(ending, id)) {
        char *span = describe_since(ending->analysis, task->create_tsc);
        report_left(
            ending, id, "runs-on",
            memory_format("ran %s, without ever waiting for anything, and still did when "
                          "main ended the program",
                          span),
            "it never received, locked or selected, so nothing could have told it to stop, "
            "unless by a variable that it reads by itself",
            "let it look at a Done channel (select with default) from time to time, and let "
            "main wait for it");
        free(span);
    } else if (at_work(ending, id)) {
        report_left(ending, id, "cut-short", memory_text("was at work when main ended the program"),
                    "it went on to use the processor, without waiting, after main was done",
                    wait_advice);
    } else if (task->state == TRACE_TASK_BLOCKED && task->primitive == PRIMITIVE_go_sleep &&
               task->flags & TRACE_TASK_DEFERS && counted(ending, id)) {
        report_left(ending, id, "cut-short",
                    memory_text("was not done when main ended the program, which did not wait for "
                                "the wait group"),
                    "it slept, with deferred calls left to make, and the wait group that was used "
                    "where it was made was not at zero",
                    wait_advice);
    }
}

/* Did the program call os.Exit or the like, or did main return to the runtime? */
static bool called_exit(const struct ending *ending)
{
    struct stack stack =
        symbols_stack_id(ending->analysis->symbols, ending->trace->process.end_stack);
    bool own = false;
    for (uint32_t i = 0; i < stack.count && !own; i++)
        own = stack.frames[i].own;
    stack_free(&stack);
    return own;
}

void detect_ending(struct analysis *analysis)
{
    const struct trace *trace = analysis->trace;
    struct ending ending = {.analysis = analysis, .trace = trace, .ender = trace->process.end_task};
    const struct trace_task *ender = trace_task(trace, ending.ender);
    bool crashed = ender && ender->flags & (TRACE_TASK_PANICKED | TRACE_TASK_THREW);
    /* GOTRACEBACK=crash lets a signal end the program after that. */
    bool judged =
        trace->process.end == TRACE_END_EXIT || (crashed && trace->process.end == TRACE_END_SIGNAL);
    if (coverage_stopped(trace) || !judged || !ender || !goroutine_is(analysis, ending.ender))
        return;
    if (crashed) {
        report_crash(&ending);
    } else if (ender->handle == 1) {
        for (uint32_t id = 1; id < trace->task_count; id++)
            if (alive(&ending, id) && !analysis->reported[id] && goroutine_own(analysis, id))
                look(&ending, id);
    } else if (called_exit(&ending)) {
        report_exit(&ending);
    }
}
