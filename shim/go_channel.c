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

/* Met for the first time, perhaps one made where we did not see it. */
static NOINLINE struct object *channel_met(struct thread *thread, uintptr_t channel)
{
    struct object *object = object_get(thread, channel, TRACE_OBJECT_CHANNEL);
    if (object && !object_private(object)->channel) {
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

static struct object *channel_object(struct thread *thread, uintptr_t channel)
{
    struct object *object = object_cached(thread, channel, TRACE_OBJECT_CHANNEL);
    return LIKELY(object && object_private(object)->channel) ? object
                                                             : channel_met(thread, channel);
}

/* ---- through the buffer ---- */

/* What was last sent to or received from here is so again, mostly; to look it up would take twice as long as the rest. */
static inline struct object *channel_again(struct thread *thread, uintptr_t channel)
{
    struct object *object = thread->channel;
    if (LIKELY(object && object_is(object, channel, TRACE_OBJECT_CHANNEL)))
        return object;
    return thread->channel = object_cached(thread, channel, TRACE_OBJECT_CHANNEL);
}

static void buffer_changed(struct thread *thread, uintptr_t address, uintptr_t pc)
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
        channel_sent(thread, object, pc);
    else
        channel_received(thread, object, pc);
    channel->count = count;
    object->shown.value = (int64_t)count;
}

/*
 * The same, in line, where there is nothing to learn or to tell: the place of the buffer was this task's own or nobody's.
 * False: it has done nothing, or there is a signal to deliver.
 */
static inline bool buffer_changed_plainly(struct thread *thread, uintptr_t address)
{
    struct object *object = channel_again(thread, address);
    struct channel *channel = object ? object_private(object)->channel : NULL;
    if (UNLIKELY(!channel || thread->access || access_on || clock_unusual))
        return false;
    uint64_t count = channel_word(address, go_layout.channel_count);
    if (LIKELY(count != channel->count)) {
        bool sent = count > channel->count;
        uint64_t *place = sent ? &channel->sends : &channel->receives;
        uint64_t *total = sent ? &object->shown.posts : &object->shown.unheard;
        struct clock_pair *slot = &channel->slots[*place];
        if (slot->task != thread->task && slot->task)
            return false;
        channel->count = count;
        channel_step(channel, place);
        object->shown.value = (int64_t)count;
        ++*total;
        *slot = (struct clock_pair){.segment = thread->segment, .task = thread->task};
        thread->record->segment = ++thread->segment;
    }
    return true;
}

/* `struct go` has the lock that is watched: of the channel of the operation under way, or WATCHED_CASES, those of a
 * select. So who gives up another lock of the runtime's loses a few instructions. */
#define WATCHED_CASES 1u

static NOINLINE void unlock_watched(void *lock)
{
    uintptr_t address = (uintptr_t)lock - go_layout.channel_lock;
    struct thread *thread = thread_enter();
    if (thread) {
        if (channel_word(address, go_layout.channel_capacity) != 0)
            buffer_changed(thread, address, thread->go->operation->pc);
        thread_leave(thread);
    }
    go_real.go_unlock(lock);
}

static bool is_case(const struct go_operation *operation, uintptr_t address)
{
    if (operation->flags & OPERATION_LISTED)
        for (uint32_t i = 0; i < operation->sends + operation->receives; i++)
            if ((uintptr_t)operation->cases[i].channel == address)
                return true;
    return false;
}

static NOINLINE void unlock_in_select(void *lock)
{
    const struct go_operation *operation = go_current(thread_current);
    if (operation && is_case(operation, (uintptr_t)lock - go_layout.channel_lock))
        unlock_watched(lock);
    else
        go_real.go_unlock(lock);
}

static NOINLINE void unlock_late(void *lock)
{
    GO_REAL(go_unlock)(lock);
}

/* Called for every lock of the runtime's. What is called, at the end only, needs no frame. */
GO_EXPORT(go_unlock, "runtime.unlock", void, (void *lock));
EXPORT void wrap_go_unlock(void *lock)
{
    struct thread *thread = thread_current;
    uintptr_t watched = (uintptr_t)thread > THREAD_NONE && thread->go ? thread->go->watched : 0;
    if (UNLIKELY(watched == WATCHED_CASES)) {
        unlock_in_select(lock);
        return;
    }
    if (watched && watched == (uintptr_t)lock) {
        bool done = false;
        if (LIKELY(!thread->busy && shim_state == SHIM_ON)) {
            thread->busy = 1;
            __asm__ volatile("" ::: "memory");
            done = buffer_changed_plainly(thread, watched - go_layout.channel_lock);
            __asm__ volatile("" ::: "memory");
            thread->busy = 0;
            __asm__ volatile("" ::: "memory");
        }
        if (UNLIKELY(!done || thread->deferred)) {
            unlock_watched(lock);
            return;
        }
    }
    if (LIKELY(go_real.go_unlock != NULL))
        go_real.go_unlock(lock);
    else
        unlock_late(lock);
}

/* ---- hand to hand ---- */

/* Is `address` a channel of the operation? */
static bool is_about(const struct go_operation *operation, uintptr_t address)
{
    return operation->address ? operation->address == address : is_case(operation, address);
}

static NOINLINE void taken_from_queue(uintptr_t queue, uintptr_t waiter)
{
    struct thread *thread = thread_enter();
    struct go_operation *operation = thread ? go_current(thread) : NULL;
    if (operation && trace_primitives[operation->primitive].kind == TRACE_OBJECT_CHANNEL) {
        uintptr_t address = queue - go_layout.channel_senders;
        bool peer_sends = is_about(operation, address);
        if (!peer_sends)
            address = queue - go_layout.channel_receivers;
        struct object *object =
            peer_sends || is_about(operation, address) ? channel_object(thread, address) : NULL;
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

/* In line: nothing of the thread's is touched after the real call, where it may be another one. */
static inline void operation_begin(struct go_operation *operation, uint32_t primitive,
                                   uintptr_t channel)
{
    if (go_begin_here(operation, primitive, channel))
        operation->go->watched = channel + go_layout.channel_lock; /* of nil: nobody's */
}

/* Also when a panic unwinds the wrapper; an operation within another is over only then, too. */
static inline void operation_end(struct go_operation *operation)
{
    struct go *go = operation->go;
    if (LIKELY(go != NULL)) {
        go->operation = operation->outer;
        go->watched = 0;
    }
}

#define CHANNEL_OPERATION(name, id, about)                            \
    struct go_operation name __attribute__((cleanup(operation_end))); \
    name.pc = RETURN_PC;                                              \
    name.frame = (uintptr_t)__builtin_frame_address(0);               \
    operation_begin(&name, PRIMITIVE_##id, (uintptr_t)(about))

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

/* Where Go is not observed. Apart, since it would have the wrappers save their arguments. */
static NOINLINE bool send_late(void *channel, void *element, bool block, uintptr_t pc)
{
    return GO_REAL(go_send)(channel, element, block, pc);
}
static NOINLINE struct go_received receive_late(void *channel, void *element, bool block)
{
    return GO_REAL(go_receive)(channel, element, block);
}

GO_EXPORT(go_send, "runtime.chansend", bool,
          (void *channel, void *element, bool block, uintptr_t pc));
EXPORT bool wrap_go_send(void *channel, void *element, bool block, uintptr_t pc)
{
    if (UNLIKELY(!go_on))
        return send_late(channel, element, block, pc);
    CHANNEL_OPERATION(operation, go_send, channel);
    return go_real.go_send(channel, element, block, pc);
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
    if (UNLIKELY(!go_on))
        return receive_late(channel, element, block);
    CHANNEL_OPERATION(operation, go_receive, channel);
    if (!block && operation.go)
        operation.go->asked = true;
    struct go_received result = go_real.go_receive(channel, element, block);
    if (UNLIKELY(result.selected && !result.received))
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
    CHANNEL_OPERATION(operation, go_close, channel);
    if (channel && LIKELY(go_on))
        closing(&operation);
    GO_REAL(go_close)(channel);
}

GO_EXPORT(go_select, "runtime.selectgo", struct go_selected,
          (struct go_case * cases, void *order, intptr_t sends, intptr_t receives, bool block));
EXPORT struct go_selected wrap_go_select(struct go_case *cases, void *order, intptr_t sends,
                                         intptr_t receives, bool block)
{
    CHANNEL_OPERATION(operation, go_select, 0);
    if (operation.go)
        operation.go->watched = WATCHED_CASES;
    operation.flags = OPERATION_LISTED;
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
