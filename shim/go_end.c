/*
 * The last look at goroutines. What the runtime knows of each goes into its live slot: whether it is one of the runtime's
 * own, whether it was in a system call, whether it was about to go on, whether it has calls deferred. At an orderly end
 * the threads that run goroutines are halted meanwhile; else all this is read once, as it is.
 */
#include "shim/go_halt.h"

#include "shim/banned.h"
#include "shim/table.h"
#include "shim/task.h"

/* runtime._G...: states of a goroutine; the collector's bit is left out */
#define STATUS_MASK    0xfffu
#define STATUS_CALL    3u
#define STATUS_WAITING 4u
#define STATUS_DEAD    6u

/* main's function in the runtime has one deferred call of its own below those of the program. */
static bool defers(const struct go *go, const struct trace_task *record)
{
    uint64_t first = *(const volatile uint64_t *)(go->g + go_layout.g_defer);
    if (!first || go->id != 1)
        return first != 0;
    return go_layout.end_known && record->state == TRACE_TASK_BLOCKED &&
           *(const volatile uint64_t *)(first + go_layout.defer_link) != 0;
}

/* Is it the one that calls finalizers, and waits in one for something that only the program can do? */
static bool finalizes(const struct go *go, const struct trace_task *record)
{
    return *(volatile uint8_t *)(go->g + go_layout.g_finalizer) &&
           record->state == TRACE_TASK_BLOCKED && record->primitive != PRIMITIVE_go_park &&
           !(record->flags & TRACE_TASK_TIMED);
}

static void look(struct go *go, void *data)
{
    struct thread *thread = data;
    if (!go->task || !go->g)
        return;
    struct trace_task *record = task_record(go->task);
    record->flags &= ~(TRACE_TASK_IN_CALL | TRACE_TASK_DEFERS | TRACE_TASK_ASKED | TRACE_TASK_TOLD |
                       TRACE_TASK_FINALIZES);
    if (record->state == TRACE_TASK_ENDED || !go_parks(go))
        return;
    uint32_t status = *(volatile uint32_t *)(go->g + go_layout.g_status) & STATUS_MASK;
    if (go->id != go_id_of(go->g))
        return; /* the g is another goroutine's by now */
    if (status == STATUS_CALL)
        record->flags |= TRACE_TASK_IN_CALL;
    if (defers(go, record))
        record->flags |= TRACE_TASK_DEFERS;
    if (go->asked)
        record->flags |= TRACE_TASK_ASKED;
    if (thread && record->state == TRACE_TASK_CREATED && go_told(thread, go))
        record->flags |= TRACE_TASK_TOLD;
    if (record->state == TRACE_TASK_BLOCKED && status != STATUS_WAITING && status != STATUS_CALL)
        record->state = TRACE_TASK_RUNNING;
    if (finalizes(go, record))
        record->flags = (record->flags & ~TRACE_TASK_SYSTEM) | TRACE_TASK_FINALIZES;
    else if (*(volatile uint8_t *)(go->g + go_layout.g_system))
        record->flags |= TRACE_TASK_SYSTEM;
}

#define OWN_FRAMES 1024u /* where ours keep the registers of those who called us */

static void search(struct thread *thread, struct go *ender)
{
    bool resting = ender != thread->go;
    if (resting || ender->threw)
        go_crashed(ender); /* the scheduler's stack ends the process for one that panicked */
    /* main does not come back; who waited for another one that ended the program was not left behind by it. A function
     * that panics keeps nothing for afterwards: what it had lies below, if anywhere. */
    bool returned = ender->id == 1 && !resting && !ender->threw;
    go_reach(ender, returned  ? 0
                    : resting ? go_resting_sp(ender) - BELOW_PANIC
                              : (uint64_t)__builtin_frame_address(0) - OWN_FRAMES);
}

/*
 * A call that returns during the search, a thread that begins, or one that does not answer in time spoils it: then all go on
 * and it is made again. Afterwards they stand still.
 */
#define SPOILED_MAX 4u

static bool search_soundly(struct thread *thread, struct go *ender)
{
    for (uint32_t spoiled = 0;;) {
        bool halted = go_halt(thread);
        go_each(look, thread);
        search(thread, ender);
        if (halted && go_halt_held())
            return true;
        spoiled += halted ? 1 : 2; /* it took seconds */
        if (spoiled >= SPOILED_MAX)
            return false;
        go_halt_end();
    }
}

void go_at_end(struct thread *thread, bool orderly)
{
    struct go *ender = orderly && thread->go ? go_behind(thread) : NULL;
    if (!ender || !go_layout.end_known) {
        go_each(look, NULL);
        if (ender && (ender != thread->go || ender->threw))
            go_crashed(ender);
        return;
    }
    bool sound = search_soundly(thread, ender);
    shim_state = SHIM_ENDED; /* what they do from here on is no part of the record */
    go_halt_end();
    go_reach_end(sound);
}
