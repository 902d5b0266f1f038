/*
 * What the verbs of trace/verbs.def do before and after a real call. A wrapper (interpose.c) is
 *
 *     call_enter    guard up, object found, what comes before
 *     call_block    (only if it may block) task marked as blocked, guard down
 *     the real function
 *     call_return   guard up, task runs again, what comes after
 *     call_leave    guard down: by cleanup, so also when the real call is left by cancellation
 *
 * What a task holds is kept by held.c, misuse is noticed by misuse.c.
 */
#include "shim/call.h"

#include <pthread.h>

#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/held.h"
#include "shim/lock.h"
#include "shim/misuse.h"
#include "shim/patch_access.h"
#include "shim/stack.h"
#include "shim/task.h"

uint32_t call_stack(struct call *call)
{
    if (!call->stack)
        call->stack = stack_here(call->thread, call->pc, call->frame);
    return call->stack;
}

/* ---- after an acquisition ---- */

static void take_exclusive(struct call *call, struct object *object, uint32_t after)
{
    uint64_t key = after & VERB_TRY ? 0 : held_key(call->thread, object, TRACE_MODE_EXCLUSIVE);
    lock_taken(call->thread, object, key, call->stack, call->pc, call->frame);
}

static void take_shared(struct call *call, struct object *object, uint32_t after)
{
    struct thread *thread = call->thread;
    clock_acquire(thread, object, call->pc);
    __atomic_fetch_add(&object->shown.readers, 1, __ATOMIC_RELAXED);
    struct held *held = held_find(thread, object);
    if (held) {
        held->count++;
        return;
    }
    uint32_t stack = call->stack ? call->stack : stack_here(thread, call->pc, call->frame);
    uint64_t key = after & VERB_TRY ? 0 : held_key(thread, object, TRACE_MODE_SHARED);
    held_push(thread, object, TRACE_MODE_SHARED, stack);
    if (key)
        held_order(thread, object, TRACE_MODE_SHARED, stack, key);
}

/* The owner died; what it did is before us all the same: the kernel says so. */
static void take_over(struct call *call, struct object *object)
{
    uint32_t dead = object->shown.owner;
    object->shown.flags |= TRACE_OBJECT_ROBUST | TRACE_OBJECT_INCONSISTENT;
    if (dead && dead != call->thread->task)
        clock_acquire_task(call->thread, dead, task_record(dead)->segment, object, call->pc);
    object->shown.owner = 0;
    object->shown.owner_count = 0;
}

void call_taken_over(struct thread *thread, struct object *object, uintptr_t pc, uintptr_t frame)
{
    struct call call = {.thread = thread, .object = object, .pc = pc, .frame = frame};
    take_over(&call, object);
    take_exclusive(&call, object, VERB_TRY);
}

static void posted(struct thread *thread, struct object *object, uint32_t stack)
{
    struct trace_object *shown = &object->shown;
    shown->posts++;
    shown->last_post_task = thread->task;
    shown->last_post_stack = stack;
    shown->last_post_tsc = tsc_now();
}

/* ---- before a release ---- */

/* Gives up all levels of a hold (`all`: a condition wait), or one. */
static void give(struct call *call, struct object *object, bool all)
{
    struct thread *thread = call->thread;
    struct trace_object *shown = &object->shown;
    if (shown->owner == thread->task && shown->owner_count) {
        if (!all && --shown->owner_count) {
            struct held *held = held_find(thread, object);
            if (held)
                held->count--;
            return;
        }
        if (shown->flags & TRACE_OBJECT_INCONSISTENT) {
            misuse_note(thread, TRACE_MISUSE_NOT_RECOVERABLE, object, call_stack(call), 0, 0);
            shown->flags &= ~TRACE_OBJECT_INCONSISTENT;
        }
        lock_given(thread, object);
        return;
    }
    struct held *held = held_find(thread, object);
    if (held && held->mode == TRACE_MODE_SHARED) {
        __atomic_fetch_sub(&shown->readers, 1, __ATOMIC_RELAXED);
        if (--held->count == 0)
            held_drop(thread, object);
        clock_release_reader(thread, object);
        return;
    }
    misuse_unlock(call, object);
}

static void wake(struct call *call, struct object *object)
{
    struct trace_object *shown = &object->shown;
    uint32_t stack = call_stack(call);
    posted(call->thread, object, stack);
    if (shown->kind == TRACE_OBJECT_SEMAPHORE)
        __atomic_fetch_add(&shown->value, 1, __ATOMIC_RELAXED);
    if (shown->kind != TRACE_OBJECT_COND)
        return;
    if (!shown->waiters) {
        shown->unheard++;
        shown->unheard_task = call->thread->task;
        shown->unheard_stack = stack;
        shown->unheard_tsc = shown->last_post_tsc;
    }
    int64_t sleeping = __atomic_load_n(&shown->value, __ATOMIC_RELAXED);
    if (sleeping)
        __atomic_store_n(&shown->value, call->value == 2 ? 0 : sleeping - 1, __ATOMIC_RELAXED);
}

/* ---- init ---- */

static uint32_t mutex_flags(const struct object *object)
{
    const pthread_mutex_t *m = (const pthread_mutex_t *)object->shown.address;
    uint32_t kind = (uint32_t)m->__data.__kind, flags = 0;
    if ((kind & 3) == PTHREAD_MUTEX_RECURSIVE)
        flags |= TRACE_OBJECT_RECURSIVE;
    if ((kind & 3) == PTHREAD_MUTEX_ERRORCHECK)
        flags |= TRACE_OBJECT_ERRORCHECK;
    if (kind & 16)
        flags |= TRACE_OBJECT_ROBUST;
    if (kind & 32)
        flags |= TRACE_OBJECT_INHERIT;
    return flags;
}

static void describe(struct call *call, uint32_t kind, uintptr_t address)
{
    struct thread *thread = call->thread;
    struct object *old = object_find(thread, address, kind);
    if (old)
        object_end(thread, old, TRACE_OBJECT_DESTROYED);
    struct object *object = object_get(thread, address, kind);
    if (!object)
        return;
    struct trace_object *shown = &object->shown;
    misuse_made(address);
    shown->flags |= TRACE_OBJECT_INIT_SEEN;
    shown->create_stack = call_stack(call);
    if (kind == TRACE_OBJECT_MUTEX)
        shown->flags |= mutex_flags(object);
    if (kind != TRACE_OBJECT_RWLOCK || call->primitive == PRIMITIVE_pthread_rwlock_init)
        object_learn_shared(object); /* the others are annotated, their memory the program's */
    if (kind == TRACE_OBJECT_SEMAPHORE || kind == TRACE_OBJECT_BARRIER)
        shown->value = (int64_t)call->value;
    if (kind ==
        TRACE_OBJECT_SEMAPHORE) /* what the initialiser did is before whoever takes one of the first */
        clock_release_join(thread, object);
}

/* ---- the frame of a wrapper ---- */

bool call_enter(struct call *call, uint32_t primitive, uint32_t kind, uintptr_t address,
                uintptr_t value, uint32_t before)
{
    struct thread *thread = thread_enter();
    call->thread = thread;
    if (!thread)
        return false;
    call->guarded = true;
    call->primitive = primitive;
    call->value = value;
    call->kind = kind;
    call->address = address;
    thread->events++;
    if (before & (VERB_INIT_CHECK | VERB_END)) {
        struct object *old = object_find(thread, address, kind);
        if (old)
            misuse_check_end(call, old, before & VERB_INIT_CHECK);
        if (old && before & VERB_END) {
            old->shown.end_stack = call_stack(call);
            misuse_destroyed(call, kind, address);
            object_end(thread, old, TRACE_OBJECT_DESTROYED);
        }
        return true;
    }
    struct object *object = object_get(thread, address, kind);
    call->object = object;
    if (UNLIKELY(!object)) {
        call->guarded = false;
        call->thread = NULL;
        thread_leave(thread);
        return false;
    }
    if (kind == TRACE_OBJECT_ATOMIC || kind == TRACE_OBJECT_ONCE) /* programs look at the word */
        patch_mark(address, kind == TRACE_OBJECT_ONCE ? sizeof(uint32_t) : sizeof(uint64_t));
    if (UNLIKELY(before & VERB_USE && !object->shown.create_stack))
        misuse_check_use(call, kind, address);
    if (before & VERB_DROP)
        give(call, object, false);
    else if (before & VERB_RELEASE)
        clock_release(thread, object);
    if (before & VERB_WAKE && kind == TRACE_OBJECT_BARRIER) {
        posted(thread, object, call_stack(call));
        call->round = clock_barrier_arrive(thread, object);
        call->value = object->shown.value ? call->round + 1 : 0;
        return true;
    }
    if (before & VERB_RELEASE_JOIN)
        clock_release_join(thread, object);
    if (before & VERB_WAKE)
        wake(call, object);
    return true;
}

void call_pause(struct call *call)
{
    call->guarded = false;
    call->thread->within = call->frame;
    thread_leave(call->thread);
}

void call_block(struct call *call, uint32_t before)
{
    struct thread *thread = call->thread;
    uint32_t stack = call_stack(call);
    object_learn_shared(call->object);
    if (call->object->shown.kind != TRACE_OBJECT_COND)
        misuse_check_block(call, before);
    task_block(thread, call->primitive, call->object, call->mutex, before & VERB_TIMED, call->value,
               stack);
    call->blocked = true;
    call_pause(call);
}

static void call_resume(struct call *call)
{
    if (call->guarded)
        return;
    call->thread->busy = 1;
    __asm__ volatile("" ::: "memory");
    call->guarded = true;
    call->thread->within = 0;
    if (call->blocked)
        task_unblock(call->thread, call->object);
    call->blocked = false;
}

void call_return(struct call *call, uint32_t ok, uint32_t after)
{
    struct thread *thread = call->thread;
    struct object *object = call->object;
    call_resume(call);
    if (!ok || shim_state != SHIM_ON)
        return;
    if (UNLIKELY(after & VERB_INIT)) {
        describe(call, call->kind, call->address);
        return;
    }
    if (UNLIKELY(ok == 2))
        take_over(call, object);
    if (after & VERB_HOLD) {
        if (after & VERB_SHARED)
            take_shared(call, object, after);
        else
            take_exclusive(call, object, after);
        return;
    }
    if (after & VERB_CONSISTENT)
        object->shown.flags &= ~TRACE_OBJECT_INCONSISTENT;
    if (call->kind == TRACE_OBJECT_BARRIER && after & VERB_ACQUIRE) {
        clock_barrier_leave(thread, object, call->round, call->pc);
        return;
    }
    if (after & VERB_TAKE)
        __atomic_fetch_sub(&object->shown.value, 1, __ATOMIC_RELAXED);
    if (after & VERB_ACQUIRE) {
        clock_take(thread, object, call->pc);
    }
}

/* ---- condition waits ---- */

bool call_wait_enter(struct call *call, uint32_t primitive, uintptr_t cond, uintptr_t mutex,
                     uint32_t before)
{
    struct thread *thread = thread_enter();
    call->thread = thread;
    if (!thread)
        return false;
    call->guarded = true;
    call->primitive = primitive;
    call->kind = TRACE_OBJECT_COND;
    call->address = cond;
    thread->events++;
    struct object *object = call->object = object_get(thread, cond, TRACE_OBJECT_COND);
    struct object *lock = call->mutex = object_get(thread, mutex, TRACE_OBJECT_MUTEX);
    if (!object || !lock) {
        call->thread = NULL;
        thread_leave(thread);
        return false;
    }
    uint32_t stack = call_stack(call);
    if (!object->shown.create_stack)
        object->shown.create_stack = stack;
    if (!lock->shown.create_stack)
        lock->shown.create_stack = stack;
    if (lock->shown.owner != thread->task && !misuse_held_by(lock, thread->record->os_tid))
        misuse_note(thread, TRACE_MISUSE_WAIT_WITHOUT_MUTEX, object, stack, lock->shown.owner,
                    lock->shown.owner_stack);
    if (object->shown.waiters && object->shown.mutex && object->shown.mutex != object_id(lock))
        misuse_note(thread, TRACE_MISUSE_TWO_MUTEXES, object, stack, 0,
                    object->shown.last_post_stack);
    object->shown.mutex = object_id(lock);
    if (lock->shown.owner == thread->task) {
        call->rejoin = true;
        call->held_count = lock->shown.owner_count;
        give(call, lock, true);
    }
    if (!(before & VERB_TIMED))
        __atomic_fetch_add(&object->shown.value, 1, __ATOMIC_RELAXED);
    return true;
}

static void wait_rejoin(struct call *call)
{
    struct thread *thread = call->thread;
    struct object *lock = call->mutex;
    struct trace_object *shown = &call->object->shown;
    if (shown->value > shown->waiters) /* left without a signal: spurious, or cancelled */
        shown->value = shown->waiters;
    if (!call->rejoin)
        return;
    call->rejoin = false;
    clock_acquire(thread, lock, call->pc);
    lock->shown.owner = thread->task;
    lock->shown.owner_count = call->held_count;
    lock->shown.owner_stack = call->stack;
    uint64_t key = held_key(thread, lock, TRACE_MODE_EXCLUSIVE);
    held_push(thread, lock, TRACE_MODE_EXCLUSIVE, call->stack);
    struct held *held = &thread->held[thread->held_count - 1];
    if (held->object == lock)
        held->count = (uint16_t)call->held_count;
    if (key)
        held_order(thread, lock, TRACE_MODE_EXCLUSIVE, call->stack, key);
}

/* `relocked`: the real call returned with the mutex locked again (it does unless it refused to wait at all). */
void call_wait_return(struct call *call, bool relocked)
{
    call_resume(call);
    if (relocked && shim_state == SHIM_ON)
        wait_rejoin(call);
}

/* What the canceller did before pthread_cancel is before the cleanup that follows. */
static void call_canceled(struct call *call)
{
    clock_acquire_cancel(call->thread, call->pc);
    if (call->kind == TRACE_OBJECT_COND)
        wait_rejoin(call);
}

void call_leave(struct call *call)
{
    if (!call->thread)
        return;
    if (call->thread->within == call->frame)
        call->thread->within = 0;
    if (call->blocked) { /* cancelled within the real call; a condition wait has locked its mutex again */
        call_resume(call);
        if (shim_state == SHIM_ON)
            call_canceled(call);
    }
    if (call->guarded)
        thread_leave(call->thread);
}
