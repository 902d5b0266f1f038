/*
 * Misuse of primitives, noticed as it happens. A report is made only where the real object's own state bears it out: what
 * we saw of an object may be incomplete.
 */
#include "shim/misuse.h"

#include <pthread.h>

#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/directory.h"
#include "shim/held.h"
#include "shim/module.h"
#include "shim/stack.h"
#include "shim/stream.h"

#define MISUSE_MAX 4096u /* records in a process; the analyzer folds them anyway */

static volatile uint32_t misuse_count;

void misuse_note(struct thread *thread, uint32_t misuse, struct object *object, uint32_t stack,
                 uint32_t other_task, uint32_t other_stack)
{
    if (__atomic_add_fetch(&misuse_count, 1, __ATOMIC_RELAXED) > MISUSE_MAX)
        return;
    directory_need();
    uint8_t *p = sync_begin(thread);
    if (!p)
        return;
    struct trace_sync record;
    record.type = TRACE_SYNC_MISUSE;
    record.segment = thread->segment;
    record.detail = misuse;
    record.object = object_name(object);
    object_named(object);
    record.stack = stack;
    record.other_task = other_task;
    record.other_stack = other_stack;
    stream_commit(&thread->sync, trace_sync_put(&thread->sync_codec, p, &record));
}

/* ---- the real state ---- */

bool misuse_held_by(const struct object *object, uint32_t by_os_tid)
{
    const pthread_mutex_t *m = (const pthread_mutex_t *)object->shown.address;
    if (object->shown.kind != TRACE_OBJECT_MUTEX)
        return true;
    if (!m->__data.__lock)
        return false;
    return !by_os_tid || (uint32_t)m->__data.__owner == by_os_tid;
}

bool misuse_unlocked(const struct object *object)
{
    const struct trace_object *shown = &object->shown;
    if (shown->kind == TRACE_OBJECT_MUTEX)
        return !((const pthread_mutex_t *)shown->address)->__data.__lock;
    if (shown->kind == TRACE_OBJECT_SPIN)
        return *(const volatile int *)shown->address == 1; /* glibc: 1 is unlocked */
    if (shown->kind == TRACE_OBJECT_RWLOCK) {
        const pthread_rwlock_t *lock = (const pthread_rwlock_t *)shown->address;
        return !lock->__data.__readers && !lock->__data.__cur_writer;
    }
    return false;
}

void misuse_unlock(struct call *call, struct object *object)
{
    struct trace_object *shown = &object->shown;
    struct thread *thread = call->thread;
    if (misuse_unlocked(object)) {
        misuse_note(thread, TRACE_MISUSE_UNLOCK_NOT_LOCKED, object, call_stack(call), 0, 0);
        return;
    }
    bool ours = shown->kind == TRACE_OBJECT_MUTEX && misuse_held_by(object, thread->record->os_tid);
    if (!ours && shown->owner && shown->kind != TRACE_OBJECT_RWLOCK &&
        shown->kind != TRACE_OBJECT_SPIN)
        misuse_note(thread, TRACE_MISUSE_UNLOCK_NOT_OWNER, object, call_stack(call), shown->owner,
                    shown->owner_stack);
    if (!ours && shown->owner && shown->kind == TRACE_OBJECT_RWLOCK && !shown->readers)
        misuse_note(thread, TRACE_MISUSE_UNLOCK_NOT_OWNER, object, call_stack(call), shown->owner,
                    shown->owner_stack);
    held_left_given(object);
    clock_release_join(thread, object);
}

/* ---- init and destroy ---- */

/*
 * Semaphores, barriers and spin locks must be initialised by call; so one that is used where another was destroyed, with
 * no init in between, is used after destroy. Only in static memory and on the caller's stack: elsewhere the memory may
 * have become something else in ways we do not see.
 */
#define DESTROYED 256u
static struct destroyed {
    uintptr_t address;
    uint32_t kind, task, stack;
} destroyed[DESTROYED];

static struct destroyed *destroyed_at(uintptr_t address)
{
    return &destroyed[(address >> 2 ^ address >> 10) % DESTROYED];
}

static bool must_init(uint32_t kind)
{
    return kind == TRACE_OBJECT_SEMAPHORE || kind == TRACE_OBJECT_BARRIER ||
           kind == TRACE_OBJECT_SPIN;
}

static bool in_use(const struct object *object)
{
    const struct trace_object *shown = &object->shown;
    if (shown->flags & TRACE_OBJECT_SHARED) /* others may have come to it, or woken who waits */
        return false;
    if (shown->kind == TRACE_OBJECT_BARRIER)
        return shown->value && shown->posts % (uint64_t)shown->value;
    if (shown->kind == TRACE_OBJECT_COND)
        return shown->value && shown->waiters;
    if (shown->kind == TRACE_OBJECT_SEMAPHORE)
        return shown->waiters && shown->value <= 0;
    return false;
}

void misuse_check_end(struct call *call, struct object *object, bool init)
{
    struct trace_object *shown = &object->shown;
    struct thread *thread = call->thread;
    if (shown->flags & TRACE_OBJECT_INHERITED)
        return;
    if (in_use(object)) {
        uint32_t misuse = shown->kind == TRACE_OBJECT_BARRIER ? TRACE_MISUSE_BARRIER_IN_USE
                                                              : TRACE_MISUSE_DESTROY_WAITED;
        misuse_note(thread, misuse, object, call_stack(call), 0, shown->create_stack);
        return;
    }
    if (shown->owner && !misuse_unlocked(object)) {
        uint32_t misuse = init ? TRACE_MISUSE_DOUBLE_INIT : TRACE_MISUSE_DESTROY_LOCKED;
        misuse_note(thread, misuse, object, call_stack(call), shown->owner, shown->owner_stack);
        return;
    }
    if (init && shown->flags & TRACE_OBJECT_INIT_SEEN && module_holds(shown->address))
        misuse_note(thread, TRACE_MISUSE_DOUBLE_INIT, object, call_stack(call), shown->create_task,
                    shown->create_stack);
}

void misuse_freed(struct thread *thread, struct object *object)
{
    const struct trace_object *shown = &object->shown;
    bool exclusive = shown->kind == TRACE_OBJECT_MUTEX || shown->kind == TRACE_OBJECT_RWLOCK;
    if (shown->kind == TRACE_OBJECT_MUTEX && shown->owner)
        object_learn_shared(object);
    if (exclusive && shown->owner && !misuse_unlocked(object) &&
        !(shown->flags & TRACE_OBJECT_SHARED)) {
        uint32_t stack = stack_here(thread, thread->free_pc, thread->free_frame);
        object->shown.end_stack = stack;
        misuse_note(thread, TRACE_MISUSE_FREED_HELD, object, stack, shown->owner,
                    shown->owner_stack);
        if (shown->owner == thread->task)
            held_drop(thread, object);
    } else if (shown->waiters) {
        object->shown.end_stack = stack_here(thread, thread->free_pc, thread->free_frame);
    }
}

void misuse_exit_holding(struct thread *thread)
{
    for (uint32_t i = 0; i < thread->held_count; i++) {
        const struct held *held = &thread->held[i];
        if (held->object->shown.state != TRACE_OBJECT_LIVE || misuse_unlocked(held->object) ||
            held->object->shown.flags & TRACE_OBJECT_ROBUST)
            continue;
        if (held->mode == TRACE_MODE_EXCLUSIVE && held->object->shown.owner != thread->task)
            continue;
        misuse_note(thread, TRACE_MISUSE_EXIT_HOLDING, held->object, held->stack, thread->task,
                    held->stack);
    }
}

void misuse_check_use(struct call *call, uint32_t kind, uintptr_t address)
{
    struct object *object = call->object;
    struct destroyed *before = destroyed_at(address);
    if (must_init(kind) && before->address == address && before->kind == kind) {
        uintptr_t here = (uintptr_t)__builtin_frame_address(0);
        if (module_holds(address) || (address > here && address - here < 65536))
            misuse_note(call->thread, TRACE_MISUSE_USE_AFTER_DESTROY, object, call_stack(call),
                        before->task, before->stack);
        before->address = 0;
    }
    if (kind == TRACE_OBJECT_MUTEX && ((const pthread_mutex_t *)address)->__data.__kind == -1)
        misuse_note(call->thread, TRACE_MISUSE_USE_AFTER_DESTROY, object, call_stack(call),
                    object->shown.end_task, object->shown.end_stack);
    object->shown.create_stack =
        object->shown.create_stack ? object->shown.create_stack : call_stack(call);
}

void misuse_check_block(struct call *call, uint32_t before)
{
    struct object *object = call->object;
    struct trace_object *shown = &object->shown;
    struct thread *thread = call->thread;
    uint32_t self = thread->task;
    bool exclusive = before & VERB_MAY_BLOCK && !(before & VERB_SHARED);
    if (shown->kind == TRACE_OBJECT_RWLOCK && exclusive) {
        struct held *held = held_find(thread, object);
        if (held && held->mode == TRACE_MODE_SHARED)
            misuse_note(thread, TRACE_MISUSE_UPGRADE, object, call_stack(call), self, held->stack);
    }
    if ((shown->kind == TRACE_OBJECT_MUTEX || shown->kind == TRACE_OBJECT_RWLOCK) &&
        shown->owner == self &&
        !(shown->flags & (TRACE_OBJECT_RECURSIVE | TRACE_OBJECT_ERRORCHECK)) && shown->owner_count)
        misuse_note(thread, TRACE_MISUSE_RELOCK_SELF, object, call_stack(call), self,
                    shown->owner_stack);
    if (shown->flags & TRACE_OBJECT_PARENT_HELD &&
        before & VERB_TIMED) /* an untimed wait is found blocked */
        misuse_note(thread, TRACE_MISUSE_FORK_HELD, object, call_stack(call), 0,
                    shown->owner_stack);
}

void misuse_destroyed(struct call *call, uint32_t kind, uintptr_t address)
{
    if (must_init(kind))
        *destroyed_at(address) =
            (struct destroyed){address, kind, call->thread->task, call_stack(call)};
}

void misuse_made(uintptr_t address)
{
    if (destroyed_at(address)->address == address)
        destroyed_at(address)->address = 0;
}

void misuse_fork_child(void)
{
    misuse_count = 0;
}
