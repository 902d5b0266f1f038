/*
 * Channels of Go. Values pass under the channel's own lock in one of two ways: through the buffer, seen when the runtime
 * gives the lock up again (its count has changed), or straight from or to a goroutine that waits, seen when that is taken
 * from its queue. So each operation is seen once, in the order in which it takes effect.
 */
#include "shim/go_memory.h"

#include "shim/access.h"
#include "shim/banned.h"
#include "shim/channel.h"
#include "shim/clock.h"
#include "shim/stack.h"
#include "shim/task.h"

static inline uint64_t channel_word(uintptr_t channel, uint32_t offset)
{
    return *(volatile uint64_t *)(channel + offset);
}

/* The object of a channel; also of one made where we did not see it. */
static struct object *channel_object(struct thread *thread, uintptr_t channel)
{
    struct object *object = object_get(thread, channel, TRACE_OBJECT_CHANNEL);
    if (object && UNLIKELY(!object_private(object)->channel)) {
        struct channel *state =
            channel_get(object, channel_word(channel, go_layout.channel_capacity));
        if (!state)
            return NULL;
        object->shown.flags |= TRACE_OBJECT_GO;
        state->count = channel_word(channel, go_layout.channel_count);
        state->sends = state->count == state->capacity ? 0 : state->count;
    }
    return object;
}

/* ---- through the buffer ---- */

static void buffer_changed(struct thread *thread, const struct go_operation *operation,
                           uintptr_t address)
{
    uint64_t count = channel_word(address, go_layout.channel_count);
    struct object *object = channel_object(thread, address);
    if (!object)
        return;
    struct channel *channel = object_private(object)->channel;
    if (count == channel->count)
        return;
    if (UNLIKELY(access_on && thread->go == thread->go_own))
        go_timer_fires(thread, 0, address);
    if (count > channel->count)
        channel_sent(thread, object, operation->pc);
    else
        channel_received(thread, object, operation->pc);
    channel->count = count;
    object->shown.value = (int64_t)count;
}

/* Is `lock` that of a channel of the operation? Its address, or 0. */
static uintptr_t channel_locked_by(const struct go_operation *operation, uintptr_t lock)
{
    uintptr_t address = lock - go_layout.channel_lock;
    if (operation->address)
        return operation->address == address ? address : 0;
    for (uint32_t i = 0; operation->cases && i < operation->sends + operation->receives; i++)
        if ((uintptr_t)operation->cases[i].channel == address)
            return address;
    return 0;
}

static NOINLINE void unlocked(struct go_operation *operation, uintptr_t address)
{
    if (channel_word(address, go_layout.channel_capacity) == 0)
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    buffer_changed(thread, operation, address);
    thread_leave(thread);
}

/* Called for every lock of the runtime's, so: a few instructions unless it is a channel's. */
GO_EXPORT(go_unlock, "runtime.unlock", void, (void *lock));
EXPORT void wrap_go_unlock(void *lock)
{
    struct thread *thread = thread_current;
    if (LIKELY((uintptr_t)thread > 1)) {
        struct go_operation *operation = go_current(thread);
        if (operation && trace_primitives[operation->primitive].kind == TRACE_OBJECT_CHANNEL) {
            uintptr_t address = channel_locked_by(operation, (uintptr_t)lock);
            if (address)
                unlocked(operation, address);
        }
    }
    GO_REAL(go_unlock)(lock);
}

/* ---- hand to hand ---- */

static NOINLINE void taken_from_queue(uintptr_t queue, uintptr_t waiter)
{
    struct thread *thread = thread_enter();
    struct go_operation *operation = thread ? go_current(thread) : NULL;
    if (operation && trace_primitives[operation->primitive].kind == TRACE_OBJECT_CHANNEL) {
        uintptr_t address = channel_locked_by(operation, queue - go_layout.channel_senders +
                                                             go_layout.channel_lock);
        bool peer_sends = address != 0;
        if (!address)
            address = channel_locked_by(operation, queue - go_layout.channel_receivers +
                                                       go_layout.channel_lock);
        struct object *object = address ? channel_object(thread, address) : NULL;
        struct go *peer = go_find(thread, *(uintptr_t *)(waiter + go_layout.waiter_g));
        if (object && UNLIKELY(access_on && thread->go == thread->go_own))
            go_timer_fires(thread, 0, address);
        if (object && peer) {
            struct clock_pair theirs = {.task = peer->task,
                                        .segment = task_record(peer->task)->segment};
            struct clock_pair ours;
            if (operation->primitive == PRIMITIVE_go_close)
                ours = object_private(object)->channel->closed;
            else if (peer_sends)
                ours = channel_take(thread, object, theirs, operation->pc);
            else
                ours = channel_give(thread, object, theirs, operation->pc);
            go_let(peer, ours, object);
        }
    }
    if (thread)
        thread_leave(thread);
}

GO_EXPORT(go_dequeue, "runtime.waitq.dequeue", void *, (void *queue));
EXPORT void *wrap_go_dequeue(void *queue)
{
    void *waiter = GO_REAL(go_dequeue)(queue);
    if (waiter && LIKELY(go_on))
        taken_from_queue((uintptr_t)queue, (uintptr_t)waiter);
    return waiter;
}

/* ---- the operations ---- */

static NOINLINE void made(uintptr_t channel, uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *old = object_find(thread, channel, TRACE_OBJECT_CHANNEL);
    if (old)
        object_end(thread, old, TRACE_OBJECT_FREED); /* the collector gave its memory away */
    struct object *object = channel_object(thread, channel);
    if (object) {
        object->shown.flags |= TRACE_OBJECT_INIT_SEEN;
        object->shown.create_stack = stack_here(thread, pc, frame);
    }
    thread_leave(thread);
}

GO_EXPORT(go_make, "runtime.makechan", void *, (void *type, intptr_t capacity));
EXPORT void *wrap_go_make(void *type, intptr_t capacity)
{
    void *channel = GO_REAL(go_make)(type, capacity);
    if (LIKELY(go_on))
        made((uintptr_t)channel, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    return channel;
}

GO_EXPORT(go_send, "runtime.chansend", bool,
          (void *channel, void *element, bool block, uintptr_t pc));
EXPORT bool wrap_go_send(void *channel, void *element, bool block, uintptr_t pc)
{
    GO_OPERATION(operation, go_send, channel);
    return GO_REAL(go_send)(channel, element, block, pc);
}

static NOINLINE void saw_close(const struct go_operation *operation, uintptr_t channel)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct object *object = channel_object(thread, channel);
    if (object)
        channel_saw_close(thread, object, operation->pc);
    thread_leave(thread);
}

GO_EXPORT(go_receive, "runtime.chanrecv", struct go_received,
          (void *channel, void *element, bool block));
EXPORT struct go_received wrap_go_receive(void *channel, void *element, bool block)
{
    GO_OPERATION(operation, go_receive, channel);
    if (!block && operation.go)
        operation.go->asked = true;
    struct go_received result = GO_REAL(go_receive)(channel, element, block);
    if (result.selected && !result.received && LIKELY(go_on))
        saw_close(&operation, (uintptr_t)channel);
    return result;
}

static NOINLINE void closing(const struct go_operation *operation)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = channel_object(thread, operation->address);
    if (object && !(object->shown.flags & TRACE_OBJECT_CLOSED)) {
        channel_close(thread, object);
        object->shown.flags |= TRACE_OBJECT_CLOSED;
        object->shown.last_owner = thread->task;
        object->shown.owner_stack = stack_here(thread, operation->pc, operation->frame);
    }
    thread_leave(thread);
}

GO_EXPORT(go_close, "runtime.closechan", void, (void *channel));
EXPORT void wrap_go_close(void *channel)
{
    GO_OPERATION(operation, go_close, channel);
    if (channel && LIKELY(go_on))
        closing(&operation);
    GO_REAL(go_close)(channel);
}

GO_EXPORT(go_select, "runtime.selectgo", struct go_selected,
          (struct go_case * cases, void *order, intptr_t sends, intptr_t receives, bool block));
EXPORT struct go_selected wrap_go_select(struct go_case *cases, void *order, intptr_t sends,
                                         intptr_t receives, bool block)
{
    GO_OPERATION(operation, go_select, 0);
    operation.cases = cases;
    operation.sends = (uint32_t)sends;
    operation.receives = (uint32_t)receives;
    if (!block && operation.go)
        operation.go->asked = true;
    struct go_selected result = GO_REAL(go_select)(cases, order, sends, receives, block);
    if (result.index >= sends && !result.received && LIKELY(go_on))
        saw_close(&operation, (uintptr_t)cases[result.index].channel);
    return result;
}

/* ---- signals come from outside ---- */

static NOINLINE void notified(uintptr_t channel, bool on)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct object *object = channel_object(thread, channel);
    if (object && on)
        object->shown.flags |= TRACE_OBJECT_SHARED;
    else if (object)
        object->shown.flags &= ~TRACE_OBJECT_SHARED;
    thread_leave(thread);
}

GO_EXPORT(go_notify, "os_1signal.Notify", void, (void *channel, struct go_slice signals));
EXPORT void wrap_go_notify(void *channel, struct go_slice signals)
{
    if (channel && LIKELY(go_on))
        notified((uintptr_t)channel, true);
    GO_REAL(go_notify)(channel, signals);
}

GO_EXPORT(go_notify_stop, "os_1signal.Stop", void, (void *channel));
EXPORT void wrap_go_notify_stop(void *channel)
{
    GO_REAL(go_notify_stop)(channel);
    if (channel && LIKELY(go_on))
        notified((uintptr_t)channel, false);
}
