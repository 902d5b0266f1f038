/*
 * Misuse of primitives: the recorder saw it happen (records in the sync streams); here it becomes a
 * finding with the call that was wrong and, where there is one, the other side: the holder, the
 * first initialisation, the destroy.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/analysis.h"
#include "analyzer/describe.h"
#include "analyzer/memory.h"

struct misuse_facts {
    const char *rule;  /* stable */
    const char *other; /* what the other stack is */
    const char *advice;
};

static const struct misuse_facts facts[TRACE_MISUSE_COUNT] = {
    [TRACE_MISUSE_DESTROY_LOCKED] = {"destroy-locked", "it was locked by",
                                     "unlock it before it is destroyed"},
    [TRACE_MISUSE_DESTROY_WAITED] = {"destroy-waited", "it was created by",
                                     "wake and join the waiters before it is destroyed"},
    [TRACE_MISUSE_UNLOCK_NOT_OWNER] = {"unlock-not-owner", "it was locked by",
                                       "a mutex is unlocked by the task that locked it; to hand "
                                       "something over use a semaphore or a condition"},
    [TRACE_MISUSE_UNLOCK_NOT_LOCKED] = {"unlock-not-locked", "it was last used by",
                                        "look for a second unlock on some path"},
    [TRACE_MISUSE_EXIT_HOLDING] = {"exit-holding", "it was locked by",
                                   "unlock on every way out of the task"},
    [TRACE_MISUSE_UPGRADE] = {"upgrade", "it was locked for reading by",
                              "give the read lock up before the write lock is requested"},
    [TRACE_MISUSE_WAIT_WITHOUT_MUTEX] = {"wait-without-mutex", "the mutex is held by",
                                         "lock the mutex before the wait: else a signal can be "
                                         "missed"},
    [TRACE_MISUSE_TWO_MUTEXES] = {"two-mutexes", "the other wait was by",
                                  "all waits on one condition variable use the same mutex"},
    [TRACE_MISUSE_DOUBLE_INIT] = {"double-init", "it was initialised by",
                                  "destroy it first, or initialise it once (pthread_once)"},
    [TRACE_MISUSE_USE_AFTER_DESTROY] = {"use-after-destroy", "it was destroyed by",
                                        "end all use before it is destroyed"},
    [TRACE_MISUSE_FREED_HELD] = {"freed-held", "it was locked by",
                                 "unlock and destroy it before its memory is freed"},
    [TRACE_MISUSE_FORK_HELD] = {"fork-held", "it was locked by",
                                "the child has the lock but not the task that would unlock it: "
                                "call exec at once, or hold the lock around fork"},
    [TRACE_MISUSE_JOIN_SELF] = {"join-self", "it was created by", "a task cannot await itself"},
    [TRACE_MISUSE_JOIN_TWICE] = {"join-twice", "it was first joined by",
                                 "the handle is not valid after a join"},
    [TRACE_MISUSE_JOIN_DETACHED] = {"join-detached", "it was detached by",
                                    "a detached task cannot be joined"},
    [TRACE_MISUSE_DETACH_TWICE] = {"detach-twice", "it was first detached or joined by",
                                   "the handle of a detached task may be another task's already"},
    [TRACE_MISUSE_BARRIER_IN_USE] = {"barrier-in-use", "it was created by",
                                     "wait until all tasks have left the barrier"},
    [TRACE_MISUSE_RELOCK_SELF] = {"relock-self", "it was first locked by",
                                  "do not take it again in the same task, or make it recursive"},
    [TRACE_MISUSE_NOT_RECOVERABLE] = {"not-recoverable", "its state was left by",
                                      "call pthread_mutex_consistent before the unlock"},
    [TRACE_MISUSE_RUNLOCK_NOT_LOCKED] = {"runlock-not-locked", "it was last used by",
                                         "look for a second RUnlock on some path, or a RUnlock "
                                         "that should be Unlock"},
    [TRACE_MISUSE_BELOW_ZERO] = {"below-zero", "it was last used by",
                                 "call Add before the go statement, and Done once for each"},
    [TRACE_MISUSE_GROUP_REUSED] = {"group-reused", "it was last used by",
                                   "all calls of Add come before Wait; a wait group is used again "
                                   "only when Wait has returned everywhere"},
    [TRACE_MISUSE_COPIED] = {"copied", "it was last used by",
                             "pass a pointer to it: a copy has its own waiters"},
    [TRACE_MISUSE_SEND_CLOSED] = {"send-closed", "it was closed by",
                                  "only who sends closes; with several senders, close when all are "
                                  "done (a wait group), or close another channel to stop them"},
    [TRACE_MISUSE_CLOSE_TWICE] = {"close-twice", "it was closed by",
                                  "one goroutine closes; or close in a sync.Once"},
};

/* The self-deadlock that this led to is told already. */
static bool told(const struct analysis *analysis, const struct trace_sync *record)
{
    const struct trace_task *task = trace_task(analysis->trace, record->task);
    if (record->detail != TRACE_MISUSE_RELOCK_SELF && record->detail != TRACE_MISUSE_UPGRADE &&
        record->detail != TRACE_MISUSE_JOIN_SELF)
        return false;
    return task && analysis->reported[record->task] && task->state == TRACE_TASK_BLOCKED &&
           task->object == record->object;
}

static void report(struct analysis *analysis, const struct trace_sync *record)
{
    const struct misuse_facts *misuse = &facts[record->detail];
    struct finding *finding = finding_new(FINDING_MISUSE, FINDING_PROVED, misuse->rule);
    const struct trace_object *object = trace_object(analysis->trace, record->object);
    char *name = describe_task(analysis, record->task);
    char *what = describe_object(analysis, record->object);
    finding_set(&finding->summary, "%s %s", trace_misuse_text[record->detail], what);
    finding->summary[0] = (char)toupper((unsigned char)finding->summary[0]);
    finding->object = describe_object_word(analysis, record->object);
    if (object && object->kind != TRACE_OBJECT_TASK)
        finding->location = describe_location(analysis, object->address);
    struct part *part = finding_part(finding, PART_EVENT, record->task,
                                     symbols_stack_id(analysis->symbols, record->stack));
    finding_set(&part->text, "%s %s by %s", trace_misuse_text[record->detail],
                object ? trace_object_kind_text[object->kind] : "object", name);
    part->text[0] = (char)toupper((unsigned char)part->text[0]);
    if (record->other_stack) {
        char *other = describe_task(analysis, record->other_task);
        part = finding_part(finding, PART_EVENT, record->other_task,
                            symbols_stack_id(analysis->symbols, record->other_stack));
        finding_set(&part->text, "%s %s", misuse->other, other);
        part->text[0] = (char)toupper((unsigned char)part->text[0]);
        free(other);
    }
    describe_origin(analysis, finding, record->object);
    finding_set(&finding->advice, "%s", misuse->advice);
    free(name);
    free(what);
    analysis_add(analysis, finding);
}

void detect_misuse(struct analysis *analysis)
{
    const struct trace *trace = analysis->trace;
    for (uint32_t stream = 0; stream < trace->stream_count; stream++) {
        struct sync_cursor cursor;
        struct trace_sync record;
        sync_open(&cursor, trace, stream);
        while (sync_next(&cursor, &record)) {
            if (record.type != TRACE_SYNC_MISUSE || !record.detail ||
                record.detail >= TRACE_MISUSE_COUNT || record.task >= trace->task_count)
                continue;
            if (!told(analysis, &record))
                report(analysis, &record);
        }
    }
}
