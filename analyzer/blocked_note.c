/*
 * Tasks that wait for ever on what the program itself makes and tells of (gorocheck.h): channels, wait groups, tasks of a
 * pool. Who could still end such a wait is decided as for pthread objects (wait.h).
 */
#include <stdlib.h>

#include "analyzer/blocked.h"
#include "analyzer/describe.h"
#include "analyzer/memory.h"

static void summary(const struct blocked *blocked, struct finding *finding, uint32_t id, char *text)
{
    char *name = describe_task(blocked->analysis, id);
    finding_set(&finding->summary, "%s %s", name, text);
    blocked_capital(finding->summary);
    free(name);
    free(text);
}

static void last_post(const struct blocked *blocked, struct finding *finding,
                      const struct trace_object *object, const char *what)
{
    if (!object->last_post_task)
        return;
    char *who = describe_task(blocked->analysis, object->last_post_task);
    blocked_event(blocked, finding, object->last_post_task, object->last_post_stack,
                  memory_format("%s %s", what, who));
    free(who);
}

static struct finding *cause_send(const struct blocked *blocked, uint32_t id,
                                  const struct trace_object *object)
{
    struct finding *finding = blocked_finding(blocked, id, "forgotten-sender");
    char *what = describe_object(blocked->analysis, blocked->graph->waits[id].object);
    char *facts = blocked_channel_facts(object);
    summary(blocked, finding, id,
            memory_format("sends to %s, which nobody receives from any more (%s)", what, facts));
    finding_set(&finding->advice, "%s",
                object->capacity ? "let the receiver take all that is sent, or tell the sender "
                                   "that it will not"
                                 : "give the channel room for the value (capacity 1), or tell the "
                                   "sender that nobody will take it");
    free(what);
    free(facts);
    return finding;
}

static struct finding *cause_receive(const struct blocked *blocked, uint32_t id,
                                     const struct trace_object *object)
{
    struct finding *finding =
        blocked_finding(blocked, id, object->posts ? "never-closed" : "no-sender");
    char *what = describe_object(blocked->analysis, blocked->graph->waits[id].object);
    char *facts = blocked_channel_facts(object);
    summary(blocked, finding, id,
            memory_format("receives from %s, which nobody %s (%s)", what,
                          object->posts ? "closes, nor sends to any more" : "sends to or closes",
                          facts));
    last_post(blocked, finding, object, "the last value was sent by");
    finding_set(&finding->advice, "close the channel when the last value is sent");
    free(what);
    free(facts);
    return finding;
}

static struct finding *cause_group(const struct blocked *blocked, uint32_t id,
                                   const struct trace_object *object)
{
    struct finding *finding = blocked_finding(blocked, id, "wait-group-short");
    summary(blocked, finding, id,
            memory_format("waits for a wait group whose count is %lld, and nobody is left to take "
                          "it down",
                          (long long)object->value));
    last_post(blocked, finding, object, "the last one done was");
    finding_set(&finding->advice,
                "say done on every way out of each task, and add no more than are started");
    return finding;
}

static struct finding *cause_job(const struct blocked *blocked, uint32_t id)
{
    struct finding *finding = blocked_finding(blocked, id, "pool-task-lost");
    char *what = describe_object(blocked->analysis, blocked->graph->waits[id].object);
    summary(blocked, finding, id,
            memory_format("waits for %s, and nobody is left to finish it", what));
    finding_set(&finding->advice, "let a pool finish or refuse what was submitted before it ends");
    free(what);
    return finding;
}

static struct finding *cause_select(const struct blocked *blocked, uint32_t id)
{
    const struct trace *trace = blocked->analysis->trace;
    uint32_t count = 0;
    const uint64_t *words = trace_stack(trace, trace->tasks[id].list, &count);
    struct finding *finding = blocked_finding(blocked, id, "select-stuck");
    summary(blocked, finding, id,
            memory_format("waits in a select on %u channels, none of which anybody serves any more",
                          count));
    for (uint32_t i = 0; words && i < count; i++) {
        const struct trace_object *object = trace_object(trace, (uint32_t)(words[i] >> 1));
        char *what = describe_object(blocked->analysis, (uint32_t)(words[i] >> 1));
        char *facts = object ? blocked_channel_facts(object) : memory_text("");
        blocked_event(blocked, finding, object ? object->create_task : 0,
                      object ? object->create_stack : 0,
                      memory_format("case: %s %s (%s), made",
                                    words[i] & 1 ? "send to" : "receive from", what, facts));
        free(what);
        free(facts);
    }
    finding_set(&finding->advice, "add a case for the end: a channel that is closed when nobody "
                                  "is left");
    return finding;
}

struct finding *blocked_note_cause(const struct blocked *blocked, uint32_t id)
{
    const struct trace *trace = blocked->analysis->trace;
    const struct trace_task *task = &trace->tasks[id];
    const struct trace_object *object = trace_object(trace, blocked->graph->waits[id].object);
    if (blocked->graph->waits[id].kind != WAIT_WAKE || !object)
        return NULL;
    struct finding *finding;
    if (object->kind == TRACE_OBJECT_WAITGROUP)
        finding = cause_group(blocked, id, object);
    else if (object->kind == TRACE_OBJECT_JOB)
        finding = cause_job(blocked, id);
    else if (object->kind != TRACE_OBJECT_CHANNEL)
        return NULL;
    else if (task->list)
        finding = cause_select(blocked, id);
    else if (trace_primitives[task->primitive % PRIMITIVE_COUNT].verb == VERB_GIVE_ID)
        finding = cause_send(blocked, id, object);
    else
        finding = cause_receive(blocked, id, object);
    finding_set(&finding->why, "%s",
                blocked->graph->waits[id].sure
                    ? "every task that could do it has ended or is stuck itself"
                    : "no other task that is left is known to have used it; one that has its "
                      "address could still");
    return finding;
}
