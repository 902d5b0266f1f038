/* What a task holds: see held.c. All with the guard up, of the caller's own thread. */
#ifndef SHIM_HELD_H
#define SHIM_HELD_H

#include "shim/access_state.h"
#include "shim/object.h"
#include "shim/orders.h"
#include "shim/shim.h"

struct held *held_find(struct thread *thread, const struct object *object);
void held_drop_slow(struct thread *thread, const struct object *object);
/* Before it is pushed: the object will be waited for under what is held. Returns the key of that combination (0: nothing is
 * held), whose place in the table of known ones is on its way into the cache. */
uint64_t held_key(const struct thread *thread, struct object *object, uint32_t mode);
/* The innermost held object was waited for under the others: writes an ORDER record if that is new. */
void held_order(struct thread *thread, struct object *object, uint32_t mode, uint32_t stack,
                uint64_t key);

/* The task ends. A lock does not know its readers; of those that left with it, it is told one. */
void held_left(struct thread *thread);
/* Somebody gives up a share that is not his own: perhaps that of the one who left. */
static inline void held_left_given(struct object *object)
{
    if (object->shown.kind == TRACE_OBJECT_RWLOCK && object->shown.readers)
        object->shown.owner = 0;
}

/* held_hash changed: an access needs another context. */
static inline void held_changed(struct thread *thread, uint64_t hash)
{
    thread->held_hash = hash;
    access_fast.context_top = NULL;
    if (UNLIKELY(access_fast.gathering)) /* a line's record has one held set */
        access_new_generation(thread->access);
}

/* held_hash with one more. A set that is the same again has the same hash, so that its context is found again. */
static inline uint64_t held_with(uint64_t hash, const struct object *object, uint32_t mode)
{
    uint64_t place = (uintptr_t)object - (uintptr_t)object_table; /* a multiple of 64 */
    hash = (hash + 1) ^ ((uint64_t)object->shown.generation << 40 | place | mode);
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* After held[] was changed by other means. */
void held_rehash(struct thread *thread);

/* mode: enum trace_mode; stack: where it was acquired. */
static inline void held_push(struct thread *thread, struct object *object, uint32_t mode,
                             uint32_t stack)
{
    uint32_t place = thread->held_count;
    uint64_t before = thread->held_hash;
    if (UNLIKELY(place == HELD_ENTRIES)) {
        thread->held_beyond++;
        return;
    }
    thread->held_count = place + 1;
    thread->held[place] = (struct held){.object = object,
                                        .before = before,
                                        .stack = stack,
                                        .mode = (uint16_t)mode,
                                        .count = 1,
                                        .since = thread->segment};
    if (LIKELY(place < TRACE_HELD_MAX)) {
        uint64_t hash = held_with(before, object, mode);
        held_changed(thread, hash);
        if (object->shown.flags & TRACE_OBJECT_NAMED)
            orders_near_fetch(hash, thread->task);
    }
}

/* The last one is held no more. */
static inline void held_pop(struct thread *thread, uint32_t last)
{
    thread->held_count = last;
    held_changed(thread, thread->held[last].before);
}

static inline void held_drop(struct thread *thread, const struct object *object)
{
    uint32_t last = thread->held_count - 1;
    if (LIKELY(last < HELD_ENTRIES && thread->held[last].object == object)) {
        held_pop(thread, last);
    } else {
        held_drop_slow(thread, object);
    }
}

#endif
