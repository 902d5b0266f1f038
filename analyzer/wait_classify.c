/*
 * What a task waits for at the end, and whether that can be judged at all: see wait.h.
 */
#include "analyzer/wait.h"

static bool is_lock(const struct trace_object *object)
{
    return object && (object->kind == TRACE_OBJECT_MUTEX || object->kind == TRACE_OBJECT_RWLOCK ||
                      object->kind == TRACE_OBJECT_SPIN || object->kind == TRACE_OBJECT_ONCE);
}

/* Waits for a signal, on a channel that the program gave to os/signal. */
static bool signalled(const struct trace *trace, const struct trace_task *task)
{
    uint32_t count = 0;
    const uint64_t *words = task->list ? trace_stack(trace, task->list, &count) : NULL;
    const struct trace_object *object = trace_object(trace, task->object);
    bool found = object && object->flags & TRACE_OBJECT_SHARED;
    for (uint32_t i = 0; i < count && !found; i++) {
        object = trace_object(trace, (uint32_t)(words[i] >> 1));
        found = object && object->flags & TRACE_OBJECT_SHARED;
    }
    return found;
}

/*
 * A queue or set of semaphores that this process made. One with a name is there for other processes too, unless tasks of
 * this one have done the other half before: sent to it, if the wait is to receive.
 */
static bool is_ours(const struct trace_task *task, const struct trace_object *object)
{
    if (!(object->flags & TRACE_OBJECT_INIT_SEEN))
        return false;
    bool sends = trace_primitives[task->primitive % PRIMITIVE_COUNT].verb == VERB_SEND_ID;
    return object->value != TRACE_NAME_NOW || (sends ? object->unheard : object->posts);
}

/* In poll, select or epoll, among several: of one of them others than the tasks of this process may end the wait. */
static bool polls_shared(const struct trace *trace, const struct trace_task *task)
{
    uint32_t count = 0;
    if (!task->list || trace_primitives[task->primitive % PRIMITIVE_COUNT].verb != VERB_POLL_ID)
        return false;
    const uint64_t *words = trace_stack(trace, task->list, &count);
    bool shared = false;
    for (uint32_t i = 0; words && i < count && !shared; i++) {
        const struct trace_object *object = trace_object(trace, (uint32_t)(words[i] >> 1));
        shared = !object || object->flags & TRACE_OBJECT_SHARED;
    }
    return shared;
}

struct wait wait_classify(const struct trace *trace, const struct trace_task *task)
{
    struct wait wait = {.alive = task->state != TRACE_TASK_UNUSED &&
                                 task->state != TRACE_TASK_ENDED && task->kind != TRACE_TASK_CLOCK};
    if (!wait.alive || task->state != TRACE_TASK_BLOCKED)
        return wait;
    wait.object = task->object;
    wait.kind = WAIT_OTHER;
    if (task->flags & TRACE_TASK_TIMED) {
        wait.kind = WAIT_TIMED;
        return wait;
    }
    if (task->flags & TRACE_TASK_SYSTEM || task->primitive == PRIMITIVE_go_park)
        return wait;
    if (task->primitive == PRIMITIVE_swapcontext || task->primitive == PRIMITIVE_setcontext) {
        wait.kind = WAIT_FIBER;
        return wait;
    }
    const struct trace_object *object = trace_object(trace, task->object);
    const struct trace_object *second = trace_object(trace, task->object2);
    if (trace_is_go(task->primitive) && !is_lock(object)) {
        if (!signalled(trace, task))
            wait.kind = WAIT_GO;
        return wait;
    }
    if (polls_shared(trace, task))
        return wait;
    if (!object || object->flags & TRACE_OBJECT_SHARED ||
        (second && second->flags & TRACE_OBJECT_SHARED))
        return wait; /* another process may end it */
    switch ((enum trace_object_kind)object->kind) {
    case TRACE_OBJECT_MUTEX:
    case TRACE_OBJECT_RWLOCK:
    case TRACE_OBJECT_SPIN:
    case TRACE_OBJECT_ONCE:
        wait.kind = WAIT_LOCK;
        break;
    case TRACE_OBJECT_TASK:
        wait.kind = WAIT_TASK;
        if (task->wait_value < trace->task_count)
            wait.blocker = (uint32_t)task->wait_value;
        break;
    case TRACE_OBJECT_BARRIER:
        wait.kind = WAIT_MEET;
        break;
    case TRACE_OBJECT_SEMAPHORE:
    case TRACE_OBJECT_PIPE:
    case TRACE_OBJECT_SOCKET:
    case TRACE_OBJECT_EVENTFD:
    case TRACE_OBJECT_FUTEX:
    case TRACE_OBJECT_CHANNEL:
    case TRACE_OBJECT_WAITGROUP:
    case TRACE_OBJECT_JOB:
        wait.kind = WAIT_WAKE;
        break;
    case TRACE_OBJECT_QUEUE:
    case TRACE_OBJECT_SEMSET:
        if (is_ours(task, object))
            wait.kind = WAIT_WAKE;
        break;
    case TRACE_OBJECT_COND:
        wait.kind = WAIT_WAKE;
        /* Woken already, but the mutex is not to be had: then that is what it waits for. */
        if (second && second->owner && object->last_post_tsc > task->since_tsc) {
            wait.kind = WAIT_LOCK;
            wait.object = task->object2;
            wait.relock = true;
        }
        break;
    case TRACE_OBJECT_NONE:
    case TRACE_OBJECT_ATOMIC:
    case TRACE_OBJECT_SIGNAL:
    case TRACE_OBJECT_PROCESS:
    case TRACE_OBJECT_FILE:
        if (object->owner) /* else other processes may hold it */
            wait.kind = WAIT_LOCK;
        break;
    case TRACE_OBJECT_FD:
    case TRACE_OBJECT_IGNORED:
    case TRACE_OBJECT_KIND_COUNT:
        break;
    }
    return wait;
}
