/*
 * Operations under way, and goroutines that wait. An operation says what it is when it begins; only if the runtime then
 * parks the goroutine is it marked as blocked, in the outermost operation: RWMutex.Lock calls Mutex.Lock, WaitGroup.Wait
 * a semaphore. Once.Do is no such frame: its function may do anything.
 */
#include "shim/go_memory.h"

#include "shim/access.h"
#include "shim/banned.h"
#include "shim/channel.h"
#include "shim/clock.h"
#include "shim/stack.h"
#include "shim/task.h"

void go_begin(struct go_operation *operation, uint32_t primitive, uintptr_t address)
{
    go_begin_here(operation, primitive, address);
}

/* Also when a panic unwinds the wrapper. */
void go_end(struct go_operation *operation)
{
    if (operation->go)
        operation->go->operation = operation->outer;
}

/* ---- what a parked goroutine waits for ---- */

/* The operation that says most: the outermost, but for a Once that runs its function. One that only waits for who runs
 * it is in the lock within it. */
struct go_operation *go_outermost(struct go *go)
{
    struct go_operation *found = NULL;
    for (struct go_operation *o = go->operation; o; o = o->outer)
        if (!(o->primitive == PRIMITIVE_go_once && o->flags & OPERATION_RUNNER))
            found = o;
        else
            break;
    return found;
}

/* The cases of a select as a list in the table of stacks. A goroutine mostly waits in the same select again. */
static uint32_t cases_list(struct thread *thread, struct go *go,
                           const struct go_operation *operation)
{
    /* Not 1: of the cases of a send to and a receive from nil it would become that of no list at all. */
    uint64_t words[TRACE_STACK_DEPTH], hash = 0x9e3779b97f4a7c15u;
    uint32_t count = 0, all = operation->sends + operation->receives;
    for (uint32_t i = 0; i < all && count < TRACE_STACK_DEPTH; i++) {
        uintptr_t channel = (uintptr_t)operation->cases[i].channel;
        uint32_t id = channel ? object_id(object_get(thread, channel, TRACE_OBJECT_CHANNEL)) : 0;
        words[count] = (uint64_t)id << 1 | (i < operation->sends);
        hash = (hash ^ words[count++]) * 0x9e3779b97f4a7c15u;
    }
    if (hash != go->cases_hash) {
        go->cases_list = stack_put_list(words, count);
        go->cases_hash = hash;
    }
    return go->cases_list;
}

static void block(struct thread *thread, struct go *go, const struct go_operation *operation)
{
    struct object *object = NULL, *second = NULL;
    const struct trace_primitive_facts *facts = &trace_primitives[operation->primitive];
    struct trace_task *record = thread->record;
    record->list = 0;
    if (operation->flags & OPERATION_LISTED)
        record->list = cases_list(thread, go, operation);
    else if (operation->address && facts->kind != TRACE_OBJECT_NONE)
        object = object_get(thread, operation->address, facts->kind);
    if (operation->flags & OPERATION_PAIRED)
        second = object_get(thread, operation->second, TRACE_OBJECT_MUTEX);
    bool timed = trace_verbs[facts->verb].before & VERB_TIMED;
    task_block(thread, operation->primitive, object, second, timed,
               operation->flags & OPERATION_LISTED ? operation->sends + operation->receives : 0,
               stack_here(thread, operation->pc, operation->frame));
}

static NOINLINE struct go *park(uint8_t reason, uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = thread_enter();
    struct go *go = thread ? go_present(thread) : NULL;
    if (go && go != thread->go_own) {
        const struct go_operation *operation = go_outermost(go);
        struct go_operation unknown = {.primitive = PRIMITIVE_go_park, .pc = pc, .frame = frame};
        block(thread, go, operation ? operation : &unknown);
        thread->record->wait_reason = reason;
    }
    if (thread)
        thread_leave(thread);
    return go;
}

/* It goes on, perhaps in another OS thread. What it waited for is in its live slot. */
static NOINLINE void unpark(uintptr_t pc)
{
    struct thread *thread = thread_enter();
    struct go *go = thread ? go_present(thread) : NULL;
    if (go && go != thread->go_own) {
        uint32_t object = thread->record->object;
        task_unblock(thread, object ? &object_table[object] : NULL);
        thread->record->object = 0;
        uint64_t segment = thread->segment;
        if (go->learn.task) {
            clock_learn(thread, &go->learn, 1, go->learn_by,
                        go->operation ? go->operation->pc : pc);
            go->learn.task = 0;
        }
        if (go->shown_to && segment == thread->segment)
            clock_new_segment(thread);
        go->shown_to = false;
    }
    if (thread)
        thread_leave(thread);
}

GO_EXPORT(go_park, "runtime.gopark", void,
          (void *unlock, void *lock, uint8_t reason, uint8_t event, intptr_t skip));
EXPORT void wrap_go_park(void *unlock, void *lock, uint8_t reason, uint8_t event, intptr_t skip)
{
    if (LIKELY(go_on))
        park(reason, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    GO_REAL(go_park)(unlock, lock, reason, event, skip);
    if (LIKELY(go_on))
        unpark(RETURN_PC);
}

/* `g` may run again. A condition's signal is before the waiter goes on; what orders the others is in their objects. */
static NOINLINE void ready(uintptr_t g)
{
    struct thread *thread = thread_enter();
    struct go *go = thread ? go_present(thread) : NULL;
    struct go *peer = go ? go_find(thread, g) : NULL;
    if (peer && peer != thread->go_own) {
        const struct go_operation *operation = go->operation;
        if (operation && (operation->primitive == PRIMITIVE_go_cond_signal ||
                          operation->primitive == PRIMITIVE_go_cond_broadcast)) {
            struct clock_pair pair = {.segment = thread->segment, .task = thread->task};
            clock_new_segment(thread);
            go_let(peer, pair, object_get(thread, operation->address, TRACE_OBJECT_COND));
        }
        struct trace_task *record = task_record(peer->task);
        if (record->state == TRACE_TASK_BLOCKED)
            record->state = TRACE_TASK_RUNNING;
    }
    if (thread)
        thread_leave(thread);
}

GO_EXPORT(go_ready, "runtime.goready", void, (void *g, intptr_t skip));
EXPORT void wrap_go_ready(void *g, intptr_t skip)
{
    if (LIKELY(go_on))
        ready((uintptr_t)g);
    GO_REAL(go_ready)(g, skip);
}

/* ---- operations that only wait ---- */

GO_EXPORT(go_block, "runtime.block", void, (void));
EXPORT void wrap_go_block(void)
{
    GO_OPERATION(operation, go_block, 0);
    GO_REAL(go_block)();
}

GO_EXPORT(go_sleep, "time.Sleep", void, (int64_t ns));
EXPORT void wrap_go_sleep(int64_t ns)
{
    GO_OPERATION(operation, go_sleep, 0);
    GO_REAL(go_sleep)(ns);
}

GO_EXPORT(go_poll, "internal_1poll.runtime__pollWait", intptr_t, (void *descriptor, intptr_t mode));
EXPORT intptr_t wrap_go_poll(void *descriptor, intptr_t mode)
{
    GO_OPERATION(operation, go_poll, 0);
    return GO_REAL(go_poll)(descriptor, mode);
}

/* The loop of os/signal waits in the kernel, not in the scheduler. */
static NOINLINE void signal_wait(struct go_operation *operation, bool begins)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct go *go = go_present(thread);
    if (go && go != thread->go_own && begins)
        block(thread, go, operation);
    else if (go && go != thread->go_own)
        task_unblock(thread, NULL);
    thread_leave(thread);
}

GO_EXPORT(go_signal, "os_1signal.signal__recv", uint32_t, (void));
EXPORT uint32_t wrap_go_signal(void)
{
    GO_OPERATION(operation, go_signal, 0);
    if (LIKELY(go_on))
        signal_wait(&operation, true);
    uint32_t number = GO_REAL(go_signal)();
    if (LIKELY(go_on))
        signal_wait(&operation, false);
    return number;
}
