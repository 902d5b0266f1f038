/*
 * The uncontended exclusive lock and unlock, in line in their wrappers (interpose.c): the object is one that this thread has
 * met lately, and nothing is unusual. Whatever else there may be takes the way of call.c, which also uses these parts.
 *
 * What a pair of them costs was counted, not guessed: docs/design.md.
 */
#ifndef SHIM_LOCK_H
#define SHIM_LOCK_H

#include "shim/clock.h"
#include "shim/held.h"
#include "shim/object.h"
#include "shim/stack.h"

/* Guard up, and *object is what lies at `address`; NULL (guard down) where the ordinary way must be taken. */
static inline struct thread *lock_enter(struct object **object, uintptr_t address, uint32_t kind)
{
    struct thread *thread = thread_current;
    if (UNLIKELY((uintptr_t)thread <= THREAD_NONE || thread->busy || shim_state != SHIM_ON))
        return NULL;
    __builtin_prefetch((const void *)address, 1);
    thread->busy = 1;
    __asm__ volatile("" ::: "memory");
    *object = object_cached(thread, address, kind);
    if (LIKELY(*object && (*object)->shown.create_stack)) {
        thread->events++;
        return thread;
    }
    thread_leave(thread);
    return NULL;
}

/* Waits a moment for a mutex that is not free. True: it was free at the end, and another try is worth it. */
bool lock_await(struct thread *thread, struct object *object, uintptr_t mutex);

/* Nobody has it, its clock is known, and it has been locked before: nothing is left to do but lock_own. */
static inline bool lock_usual(struct thread *thread, struct object *object)
{
    const struct object_clock *clock = object_clock(object);
    return !object->shown.owner && object->shown.create_stack && !clock->set &&
           clock_known(thread, clock->task, clock->segment);
}

/* Not held before: the task's from here on. */
static inline void lock_own(struct thread *thread, struct object *object, uint32_t stack)
{
    object->shown.owner = thread->task;
    object->shown.owner_count = 1;
    object->shown.owner_stack = stack;
    held_push(thread, object, TRACE_MODE_EXCLUSIVE, stack);
}

/* The object is this task's from here on. `key`: held_key, 0 if it was not waited for. `stack`: 0 if it is to be captured. */
static inline void lock_taken(struct thread *thread, struct object *object, uint64_t key,
                              uint32_t stack, uintptr_t pc, uintptr_t frame)
{
    struct trace_object *shown = &object->shown;
    const struct object_clock *clock = object_clock(object);
    if (UNLIKELY(shown->owner == thread->task && shown->owner_count)) {
        shown->owner_count++;
        struct held *held = held_find(thread, object);
        if (held)
            held->count++;
        return;
    }
    if (UNLIKELY(clock->set || !clock_known(thread, clock->task, clock->segment)))
        clock_acquire(thread, object, pc);
    if (shown->kind == TRACE_OBJECT_RWLOCK)
        clock_acquire_readers(thread, object, pc);
    if (!stack)
        stack = stack_here(thread, pc, frame);
    lock_own(thread, object, stack);
    if (key)
        held_order(thread, object, TRACE_MODE_EXCLUSIVE, stack, key);
}

/* Is this the plain unlock of a lock that the task holds once? */
static inline bool lock_plain(const struct thread *thread, const struct object *object)
{
    const struct trace_object *shown = &object->shown;
    return shown->owner == thread->task && shown->owner_count == 1 &&
           !(shown->flags & TRACE_OBJECT_INCONSISTENT);
}

static inline void lock_owner_leaves(const struct thread *thread, struct object *object)
{
    struct trace_object *shown = &object->shown;
    shown->last_owner = thread->task;
    shown->owner_count = 0;
    shown->owner = 0;
}

/* About to be given up, all levels of it. */
static inline void lock_given(struct thread *thread, struct object *object)
{
    lock_owner_leaves(thread, object);
    held_drop(thread, object);
    clock_release(thread, object);
}

#endif
