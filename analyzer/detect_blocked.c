/*
 * Deadlocks that happened, and tasks blocked forever: a cause for each task that is stuck at the
 * end (wait.h), in this order of certainty: a member of a cycle, or waiting for a task that is
 * stuck; the holder is gone; the object is gone; the wake-up came too early; a count that cannot be
 * reached; whoever could have woken it is gone; else only that nobody is left. docs/policies.md
 * says which waits are no findings.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/analysis.h"
#include "analyzer/blocked.h"
#include "analyzer/describe.h"
#include "analyzer/memory.h"
#include "analyzer/wait.h"

/* ---- parts that several findings have ---- */

static struct stack stack_of(const struct blocked *blocked, uint32_t id)
{
    return symbols_stack_id(blocked->analysis->symbols, id);
}

void blocked_capital(char *text)
{
    if (text && text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
}

void blocked_wait(const struct blocked *blocked, struct finding *finding, uint32_t id)
{
    const struct analysis *analysis = blocked->analysis;
    const struct trace_task *task = &analysis->trace->tasks[id];
    char *name = describe_task(analysis, id), *state = describe_state(analysis, id);
    char *held = describe_held(analysis, id);
    char *span = describe_since(analysis, task->since_tsc);
    struct part *part = finding_part(finding, PART_WAIT, id, stack_of(blocked, task->wait_stack));
    if (blocked->graph->waits[id].relock) {
        char *mutex = describe_object(analysis, task->object2);
        finding_set(&part->text, "%s %s, woken but waiting to lock %s again%s%s%s", name, state,
                    mutex, held ? " (holding " : "", held ? held : "", held ? ")" : "");
        free(mutex);
    } else {
        finding_set(&part->text, "%s %s, %s%s%s%s", name, state, span, held ? " (holding " : "",
                    held ? held : "", held ? ")" : "");
    }
    blocked_capital(part->text);
    free(name);
    free(state);
    free(held);
    free(span);
}

void blocked_created(const struct blocked *blocked, struct finding *finding, uint32_t id)
{
    const struct trace_task *task = trace_task(blocked->analysis->trace, id);
    if (!task || (!task->create_stack && !(task->flags & TRACE_TASK_FINALIZES)))
        return;
    char *name = describe_task(blocked->analysis, id);
    if (task->flags & TRACE_TASK_FINALIZES) { /* whoever set the first one made it */
        blocked_event(blocked, finding, id, 0,
                      memory_format("%s calls the program's finalizers, one after the other: as "
                                    "long as it waits no other is called",
                                    name));
        free(name);
        return;
    }
    char *parent = describe_task(blocked->analysis, task->parent);
    struct part *part = finding_part(finding, PART_TASK, id, stack_of(blocked, task->create_stack));
    finding_set(&part->text, "%s was created by %s", name, parent);
    blocked_capital(part->text);
    free(name);
    free(parent);
}

void blocked_event(const struct blocked *blocked, struct finding *finding, uint32_t task,
                   uint32_t stack, char *text)
{
    struct part *part = finding_part(finding, PART_EVENT, task, stack_of(blocked, stack));
    part->text = text;
    blocked_capital(part->text);
}

/* How and where a task left. */
static void part_exit(const struct blocked *blocked, struct finding *finding, uint32_t id)
{
    const struct trace_task *task = trace_task(blocked->analysis->trace, id);
    if (!task || task->state != TRACE_TASK_ENDED)
        return;
    char *name = describe_task(blocked->analysis, id);
    char *how = describe_state(blocked->analysis, id);
    blocked_event(blocked, finding, id, task->exit_stack, memory_format("%s %s", name, how));
    free(name);
    free(how);
}

static void part_hold(const struct blocked *blocked, struct finding *finding, uint32_t id,
                      uint32_t object, uint32_t stack)
{
    char *name = describe_task(blocked->analysis, id);
    char *what = describe_object(blocked->analysis, object);
    struct part *part = finding_part(finding, PART_HOLD, id, stack_of(blocked, stack));
    finding_set(&part->text, "%s took %s", name, what);
    blocked_capital(part->text);
    free(name);
    free(what);
}

void blocked_object(const struct blocked *blocked, struct finding *finding, uint32_t object)
{
    const struct trace_object *facts = trace_object(blocked->analysis->trace, object);
    finding->object = describe_object_word(blocked->analysis, object);
    if (facts && facts->kind != TRACE_OBJECT_TASK)
        finding->location = describe_location(blocked->analysis, facts->address);
    describe_origin(blocked->analysis, finding, object);
}

/* ---- cycles ---- */

static uint32_t hold_stack(const struct trace *trace, uint32_t object, uint32_t id)
{
    const struct trace_object *facts = trace_object(trace, object);
    const struct trace_task *task = trace_task(trace, id);
    if (facts && facts->owner == id)
        return facts->owner_stack;
    for (uint32_t i = 0; task && i < task->held_count && i < TRACE_HELD_MAX; i++)
        if (task->held[i].object == object)
            return task->held[i].stack;
    return 0;
}

/*
 * A queue or set of semaphores that has a name, or had one, by which another process may have opened it; a lock on a file,
 * which is whoever's that has the descriptor.
 */
static bool others_may(const struct trace_object *object)
{
    if (object->kind == TRACE_OBJECT_FILE)
        return true;
    return (object->kind == TRACE_OBJECT_QUEUE || object->kind == TRACE_OBJECT_SEMSET) &&
           object->value != TRACE_NAME_NEVER;
}

static void report_cycle(struct blocked *blocked, const uint32_t *members, uint32_t count)
{
    const struct trace *trace = blocked->analysis->trace;
    struct finding *finding =
        finding_new(FINDING_DEADLOCK, FINDING_PROVED, count == 1 ? "self-deadlock" : "wait-cycle");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = members[i];
        const struct wait *wait = &blocked->graph->waits[id];
        blocked_wait(blocked, finding, id);
        if (wait->kind == WAIT_LOCK)
            part_hold(blocked, finding, wait->blocker, wait->object,
                      hold_stack(trace, wait->object, wait->blocker));
        const struct trace_object *object = trace_object(trace, wait->object);
        if (object && others_may(object))
            finding->certainty = FINDING_SUSPECTED;
        blocked->cyclic[id] = blocked->done[id] = true;
        blocked->certainty[id] = finding->certainty;
    }
    for (uint32_t i = 0; i < count; i++)
        blocked_created(blocked, finding, members[i]);
    if (count == 1) {
        char *name = describe_task(blocked->analysis, members[0]);
        finding_set(&finding->summary, "%s waits for itself", name);
        blocked_capital(finding->summary);
        blocked_object(blocked, finding, blocked->graph->waits[members[0]].object);
        free(name);
    } else {
        for (uint32_t i = 0; i < count; i++)
            describe_origin(blocked->analysis, finding, blocked->graph->waits[members[i]].object);
        finding_set(&finding->summary, "%u tasks wait for one another in a cycle", count);
    }
    finding_set(&finding->why, "each waits, without a time limit, for the next one to give up "
                               "what it holds or to end; none can");
    const struct trace_object *first =
        trace_object(trace, blocked->graph->waits[members[0]].object);
    bool go = first && first->flags & TRACE_OBJECT_GO;
    finding_set(&finding->advice, "%s",
                count == 1 && go ? "take it once: let what is called with the lock held not take it"
                : count == 1     ? "do not take it again in the same task, or make it recursive"
                                 : "take the locks in the same order everywhere, and join no task "
                                   "while holding a lock that it needs");
    analysis_add(blocked->analysis, finding);
}

/* A stuck task waits for one blocker, so following blockers either ends or comes round. */
static void cycles(struct blocked *blocked)
{
    uint32_t count = blocked->graph->task_count;
    uint32_t *round = memory_get(count, sizeof(*round)); /* in which walk a task was met */
    uint32_t *path = memory_get(count, sizeof(*path));
    for (uint32_t start = 1; start < count; start++) {
        uint32_t length = 0, id = start;
        while (id && id < count && blocked->graph->waits[id].stuck && !round[id]) {
            round[id] = start;
            path[length++] = id;
            id = blocked->graph->waits[id].blocker;
        }
        if (!length || !id || id >= count || round[id] != start)
            continue;
        uint32_t from = 0;
        while (from < length && path[from] != id)
            from++;
        if (from < length)
            report_cycle(blocked, path + from, length - from);
    }
    free(round);
    free(path);
}

/* ---- the other causes: each function says what it found, or returns NULL ---- */

struct finding *blocked_finding(const struct blocked *blocked, uint32_t id, const char *rule)
{
    enum finding_certainty certainty =
        blocked->graph->waits[id].sure ? FINDING_PROVED : FINDING_SUSPECTED;
    struct finding *finding = finding_new(FINDING_BLOCKED, certainty, rule);
    blocked_wait(blocked, finding, id);
    return finding;
}

static struct finding *cause_stuck(const struct blocked *blocked, uint32_t id)
{
    const struct wait *wait = &blocked->graph->waits[id];
    if (!wait->blocker || !blocked->graph->waits[wait->blocker].stuck)
        return NULL;
    struct finding *finding = blocked_finding(blocked, id, "waits-for-stuck");
    char *name = describe_task(blocked->analysis, id);
    char *blocker = describe_task(blocked->analysis, wait->blocker);
    finding->certainty = blocked->certainty[wait->blocker];
    finding_set(&finding->summary, "%s waits for %s, which is blocked forever itself", name,
                blocker);
    if (wait->kind == WAIT_LOCK)
        part_hold(blocked, finding, wait->blocker, wait->object,
                  hold_stack(blocked->analysis->trace, wait->object, wait->blocker));
    char *state = describe_state(blocked->analysis, wait->blocker);
    blocked_event(blocked, finding, wait->blocker,
                  blocked->analysis->trace->tasks[wait->blocker].wait_stack,
                  memory_format("%s is %s", blocker, state));
    if (blocked->graph->waits[wait->blocker].kind == WAIT_FIBER)
        finding_set(&finding->why, "no task is left that would switch to %s", blocker);
    else
        finding_set(&finding->why, "the finding about %s says why", blocker);
    free(name);
    free(blocker);
    free(state);
    return finding;
}

static struct finding *cause_gone(const struct blocked *blocked, uint32_t id)
{
    const struct wait *wait = &blocked->graph->waits[id];
    const struct trace_object *object = trace_object(blocked->analysis->trace, wait->object);
    if (!object || object->state == TRACE_OBJECT_LIVE)
        return NULL;
    bool freed = object->state == TRACE_OBJECT_FREED;
    struct finding *finding =
        blocked_finding(blocked, id, freed ? "object-freed" : "object-destroyed");
    char *what = describe_object(blocked->analysis, wait->object);
    char *who = describe_task(blocked->analysis, object->end_task);
    finding_set(&finding->summary, "the %s was %s while a task waits on it", what,
                freed ? "freed" : "destroyed");
    blocked_event(blocked, finding, object->end_task, object->end_stack,
                  memory_format("%s by %s", freed ? "freed" : "destroyed", who));
    finding_set(&finding->advice,
                "end all waits (wake the waiters, join them) before the object goes");
    free(what);
    free(who);
    return finding;
}

static struct finding *cause_owner(const struct blocked *blocked, uint32_t id)
{
    const struct wait *wait = &blocked->graph->waits[id];
    const struct trace_object *object = trace_object(blocked->analysis->trace, wait->object);
    if (wait->kind != WAIT_LOCK || !object)
        return NULL;
    char *what = describe_object(blocked->analysis, wait->object);
    struct finding *finding = NULL;
    if (object->flags & TRACE_OBJECT_PARENT_HELD) {
        finding = blocked_finding(blocked, id, "fork-held");
        finding_set(&finding->summary,
                    "%s was held at fork by a thread of the parent that does not exist here", what);
        blocked_event(blocked, finding, 0, object->owner_stack,
                      memory_format("the parent's thread took it"));
        finding_set(&finding->advice, "after fork use only async-signal-safe functions until "
                                      "exec, or hold all locks around fork (pthread_atfork)");
    } else if (wait->blocker && !blocked->graph->waits[wait->blocker].alive) {
        char *owner = describe_task(blocked->analysis, wait->blocker);
        finding = blocked_finding(blocked, id, "owner-gone");
        finding_set(&finding->summary, "%s is held by %s, which has ended without unlocking it",
                    what, owner);
        part_hold(blocked, finding, wait->blocker, wait->object,
                  hold_stack(blocked->analysis->trace, wait->object, wait->blocker));
        part_exit(blocked, finding, wait->blocker);
        finding_set(&finding->advice, "%s",
                    object->flags & TRACE_OBJECT_GO
                        ? "unlock on every way out: defer the Unlock"
                        : "unlock on every way out of the task (errors, cancellation), or make the "
                          "mutex robust");
        free(owner);
    } else if (wait->blocker && wait->blocker == blocked->graph->ender &&
               object->flags & TRACE_OBJECT_GO) {
        char *owner = describe_task(blocked->analysis, wait->blocker);
        finding = blocked_finding(blocked, id, "owner-left");
        finding->certainty = FINDING_SUSPECTED;
        finding_set(&finding->summary,
                    "%s is held by %s, which ended the program without unlocking it", what, owner);
        part_hold(blocked, finding, wait->blocker, wait->object,
                  hold_stack(blocked->analysis->trace, wait->object, wait->blocker));
        finding_set(&finding->why, "it was never unlocked; had the program gone on, somebody might "
                                   "still have done it");
        finding_set(&finding->advice, "unlock on every way out: defer the Unlock");
        free(owner);
    }
    free(what);
    return finding;
}

static struct finding *cause_wakeup(const struct blocked *blocked, uint32_t id)
{
    const struct wait *wait = &blocked->graph->waits[id];
    const struct analysis *analysis = blocked->analysis;
    const struct trace_task *task = &analysis->trace->tasks[id];
    const struct trace_object *object = trace_object(analysis->trace, wait->object);
    if (wait->kind != WAIT_WAKE || !object || object->kind != TRACE_OBJECT_COND ||
        !object->unheard || object->unheard_task == id || object->unheard_tsc > task->since_tsc ||
        object->last_post_tsc > object->unheard_tsc)
        return NULL;
    struct finding *finding = blocked_finding(blocked, id, "lost-wakeup");
    char *what = describe_object(analysis, wait->object);
    char *who = describe_task(analysis, object->unheard_task);
    char *span = describe_between(analysis, object->unheard_tsc, task->since_tsc);
    finding_set(&finding->summary,
                "the last signal of %s came %s before this wait, when no task waited", what, span);
    blocked_event(blocked, finding, object->unheard_task, object->unheard_stack,
                  memory_format("signalled by %s, unheard", who));
    finding_set(&finding->advice, "wait in a loop on a condition that is set and tested under "
                                  "the same mutex; a signal is not remembered");
    free(what);
    free(who);
    free(span);
    return finding;
}

static struct finding *cause_count(const struct blocked *blocked, uint32_t id)
{
    const struct wait *wait = &blocked->graph->waits[id];
    const struct trace *trace = blocked->analysis->trace;
    const struct trace_object *object = trace_object(trace, wait->object);
    if (!object)
        return NULL;
    struct finding *finding = NULL;
    char *what = describe_object(blocked->analysis, wait->object);
    if (wait->kind == WAIT_MEET) {
        uint64_t parties = object->value > 0 ? (uint64_t)object->value : 0;
        finding = blocked_finding(blocked, id, "barrier-short");
        finding_set(&finding->summary,
                    "%s needs %llu tasks, %u wait at it, and not enough others are left", what,
                    (unsigned long long)parties, object->waiters);
        finding_set(&finding->advice, "initialise it with the number of tasks that arrive");
    } else if (wait->kind == WAIT_WAKE && !object->posts) {
        bool semaphore =
            object->kind == TRACE_OBJECT_SEMAPHORE || object->kind == TRACE_OBJECT_SEMSET;
        finding = blocked_finding(blocked, id, semaphore ? "never-posted" : "never-signalled");
        finding_set(&finding->summary, "no task ever %s %s", semaphore ? "posted" : "signalled",
                    what);
        finding_set(&finding->why, "%s",
                    wait->sure ? "no task is left that could"
                               : "the program has ended; if this task only waits for work that "
                                 "never came, let the program end it, or suppress this");
        finding_set(&finding->advice, "whoever stops waiting for a task, or stops taking what it "
                                      "sends, must let it know");
    }
    free(what);
    return finding;
}

/* Tasks that used the object and will not again; at most 8 are shown. */
static uint32_t users_gone(const struct blocked *blocked, uint32_t id, uint32_t *gone)
{
    const struct wait_graph *graph = blocked->graph;
    uint32_t count = 0;
    for (uint32_t t = 1; t < graph->task_count && count < 8; t++) {
        bool ended = blocked->analysis->trace->tasks[t].state == TRACE_TASK_ENDED ||
                     (graph->orderly && t == graph->ender);
        if (t != id && ended && wait_used(graph, graph->waits[id].object, t))
            gone[count++] = t;
    }
    return count;
}

static struct finding *cause_waker(const struct blocked *blocked, uint32_t id)
{
    const struct wait *wait = &blocked->graph->waits[id];
    const struct trace_object *object = trace_object(blocked->analysis->trace, wait->object);
    uint32_t gone[8];
    if (wait->kind != WAIT_WAKE || !object)
        return NULL;
    uint32_t count = users_gone(blocked, id, gone);
    if (!count)
        return NULL;
    struct finding *finding = blocked_finding(blocked, id, "waker-gone");
    char *what = describe_object(blocked->analysis, wait->object);
    finding_set(&finding->summary, "all tasks that could have woken this one from %s are gone",
                what);
    for (uint32_t i = 0; i < count; i++)
        part_exit(blocked, finding, gone[i]);
    if (object->last_post_task) {
        char *who = describe_task(blocked->analysis, object->last_post_task);
        blocked_event(blocked, finding, object->last_post_task, object->last_post_stack,
                      memory_format("last woken by %s", who));
        free(who);
    }
    if (!wait->sure)
        finding_set(&finding->why, "no other task is known to have used the object; one that "
                                   "has its address could still wake it");
    finding_set(&finding->advice, "whoever stops waiting for a task's result, or stops taking "
                                  "what it sends, must let it know");
    free(what);
    return finding;
}

/* In poll, select or epoll, on several of these: each of them. */
static struct finding *cause_polled(const struct blocked *blocked, uint32_t id)
{
    const struct analysis *analysis = blocked->analysis;
    const struct trace *trace = analysis->trace;
    uint32_t count = 0;
    const uint64_t *words = trace_stack(trace, trace->tasks[id].list, &count);
    struct finding *finding = blocked_finding(blocked, id, "no-writer");
    char *name = describe_task(analysis, id);
    finding_set(&finding->summary,
                "%s waits for descriptors to be read, and no task is left that would write to any",
                name);
    blocked_capital(finding->summary);
    for (uint32_t i = 0; words && i < count; i++) {
        uint32_t slot = (uint32_t)(words[i] >> 1);
        const struct trace_object *object = trace_object(trace, slot);
        if (!object || object->kind == TRACE_OBJECT_FD) /* the epoll set itself */
            continue;
        char *what = describe_object(analysis, slot);
        blocked_event(blocked, finding, object->create_task, object->create_stack,
                      memory_format("descriptor %u: %s%s, made", (uint32_t)(words[i] >> 33), what,
                                    object->posts ? "" : ", to which nobody ever wrote"));
        free(what);
    }
    finding_set(&finding->why, "the other ends are held by this process alone, and every task that "
                               "could use one has ended or is stuck itself");
    finding_set(&finding->advice,
                "whoever stops writing must close its end: a reader is then told");
    free(name);
    return finding;
}

/* A pipe, socket pair or eventfd that only this process holds: who was at the other end. */
static struct finding *cause_peer(const struct blocked *blocked, uint32_t id)
{
    const struct wait *wait = &blocked->graph->waits[id];
    const struct analysis *analysis = blocked->analysis;
    const struct trace_task *task = &analysis->trace->tasks[id];
    const struct trace_object *object = trace_object(analysis->trace, wait->object);
    if (!object || (object->kind != TRACE_OBJECT_PIPE && object->kind != TRACE_OBJECT_SOCKET &&
                    object->kind != TRACE_OBJECT_EVENTFD && object->kind != TRACE_OBJECT_QUEUE))
        return NULL;
    if (task->list)
        return cause_polled(blocked, id);
    bool queue = object->kind == TRACE_OBJECT_QUEUE;
    bool writes =
        task->primitive < PRIMITIVE_COUNT && trace_primitives[task->primitive].verb == VERB_SEND_ID;
    uint32_t ends = writes ? object->readers : object->owner_count, gone[8];
    struct finding *finding = blocked_finding(blocked, id, writes ? "no-reader" : "no-writer");
    char *name = describe_task(analysis, id), *what = describe_object(analysis, wait->object);
    finding_set(&finding->summary, "%s waits to %s %s, and no task is left that would %s", name,
                writes ? "write to" : "read from", what, writes ? "read" : "write");
    blocked_capital(finding->summary);
    uint32_t count = users_gone(blocked, id, gone);
    for (uint32_t i = 0; i < count; i++)
        part_exit(blocked, finding, gone[i]);
    if (object->last_post_task && !writes) {
        char *who = describe_task(analysis, object->last_post_task);
        char *span = describe_since(analysis, object->last_post_tsc);
        blocked_event(blocked, finding, object->last_post_task, object->last_post_stack,
                      memory_format("last written by %s, and not %s", who, span));
        free(who);
        free(span);
    }
    char *others =
        queue ? memory_text(object->value == TRACE_NAME_NOW
                                ? "it has a name, so that another process "
                                  "could open it"
                                : "no other process can open it any more")
              : memory_format("its %s is held by this process alone (%u descriptor%s)",
                              writes ? "reading end" : "writing end", ends, ends == 1 ? "" : "s");
    finding_set(&finding->why, "%s%s; %s", others,
                object->posts ? "" : ", and nobody ever wrote to it",
                wait->sure ? "every task that could use it has ended or is stuck itself"
                           : "the program has ended, and no other task is known to have used it");
    finding_set(&finding->advice, "%s",
                queue    ? "a queue does not tell who waits that the others have gone: send a "
                           "last message, or wait with a time limit"
                : writes ? "whoever stops reading must close its end: a writer is then told (EPIPE)"
                         : "whoever stops writing must close its end: a reader is then told (it "
                           "reads nothing)");
    free(others);
    free(name);
    free(what);
    return finding;
}

static struct finding *cause_none(const struct blocked *blocked, uint32_t id)
{
    const struct wait *wait = &blocked->graph->waits[id];
    const struct trace_object *object = trace_object(blocked->analysis->trace, wait->object);
    struct finding *finding = blocked_finding(blocked, id, "nobody-left");
    char *name = describe_task(blocked->analysis, id);
    finding->certainty = FINDING_SUSPECTED;
    finding_set(&finding->summary, "%s waits, and no task is left that could end the wait", name);
    blocked_capital(finding->summary);
    if (object && object->last_post_task) {
        char *who = describe_task(blocked->analysis, object->last_post_task);
        blocked_event(blocked, finding, object->last_post_task, object->last_post_stack,
                      memory_format("last woken by %s", who));
        free(who);
    }
    finding_set(&finding->why, "every other task has ended or is stuck itself; a signal handler "
                               "or another process could still do it");
    free(name);
    return finding;
}

static struct finding *(*const causes[])(const struct blocked *, uint32_t) = {
    cause_stuck,        blocked_go_cause, cause_gone,  cause_owner, cause_peer,
    blocked_note_cause, cause_wakeup,     cause_count, cause_waker, cause_none};

/* What a task waits for is told first: its certainty is what that of the waiting one rests on. */
static void tell(struct blocked *blocked, uint32_t start, uint32_t *path)
{
    uint32_t length = 0, id = start;
    while (id && blocked->graph->waits[id].stuck && !blocked->done[id]) {
        blocked->done[id] = true;
        path[length++] = id;
        id = blocked->graph->waits[id].blocker;
    }
    while (length) {
        id = path[--length];
        /* Switched away from for ever: that is nobody's fault, but of who holds up the others. */
        if (blocked->graph->waits[id].kind == WAIT_FIBER)
            continue;
        struct finding *finding = NULL;
        for (size_t i = 0; !finding; i++)
            finding = causes[i](blocked, id);
        const struct trace_object *object =
            trace_object(blocked->analysis->trace, blocked->graph->waits[id].object);
        if (object && others_may(object))
            finding->certainty = FINDING_SUSPECTED;
        if (!finding->object)
            blocked_object(blocked, finding, blocked->graph->waits[id].object);
        blocked_created(blocked, finding, id);
        blocked->certainty[id] = finding->certainty;
        blocked->analysis->reported[id] = true;
        analysis_add(blocked->analysis, finding);
    }
}

/* A task that was not made by a function that we see serves some library: it may wait as long as it
 * likes while some other task could still wake it. */
static bool of_library(const struct blocked *blocked, uint32_t id)
{
    return blocked->analysis->trace->tasks[id].flags & TRACE_TASK_FOREIGN &&
           !blocked->graph->waits[id].sure;
}

void detect_blocked(struct analysis *analysis)
{
    if (coverage_stopped(analysis->trace))
        return;
    struct blocked blocked = {.analysis = analysis, .graph = wait_build(analysis->trace)};
    uint32_t count = blocked.graph->task_count;
    blocked.cyclic = memory_get(count, sizeof(*blocked.cyclic));
    blocked.done = memory_get(count, sizeof(*blocked.done));
    blocked.certainty = memory_get(count, sizeof(*blocked.certainty));
    uint32_t *path = memory_get(count, sizeof(*path));
    cycles(&blocked);
    for (uint32_t id = 1; id < count; id++) {
        if (blocked.cyclic[id])
            analysis->reported[id] = true;
        else if (blocked.graph->waits[id].stuck && !of_library(&blocked, id) &&
                 !blocked_go_idle(&blocked, id))
            tell(&blocked, id, path);
    }
    analysis->coverage.waits_unknown = blocked_go_unknown(&blocked);
    free(path);
    free(blocked.cyclic);
    free(blocked.done);
    free(blocked.certainty);
    wait_free(blocked.graph);
}
