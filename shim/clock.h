/*
 * Happens-before as it is recorded (docs/design.md, "Who builds the clock"). All functions are called with the guard up.
 *
 * A release publishes (task, segment) in the object's clock and then begins a new segment; so call it before the real
 * operation. An acquire is called after the real operation; it writes an EDGE record for each pair it did not know and
 * begins a new segment if there was one.
 */
#ifndef SHIM_CLOCK_H
#define SHIM_CLOCK_H

#include "shim/access.h"
#include "shim/object.h"
#include "shim/options.h"
#include "shim/shim.h"

void clock_release_join(struct thread *thread, struct object *object); /* joins into the clock */
void clock_acquire(struct thread *thread, struct object *object, uintptr_t pc);
/* The same of an object that does not protect itself. */
void clock_take(struct thread *thread, struct object *object, uintptr_t pc);

/* `task`, which has not begun, will be after `pair` from its segment `first` on. */
void clock_begin_task(struct thread *thread, uint32_t task, uint64_t first, struct clock_pair pair);

void clock_fork_child(void);
void clock_drop(struct object *object); /* empties it */
void clock_drop_set(struct object *object);

/* The parts, for fences and relaxed atomics: take the pairs of a clock without an acquire, and learn them later; begin
 * a release now and publish it later. */
uint32_t clock_read(struct object *object, struct clock_pair *pairs,
                    uint32_t capacity); /* returns how many there are */
void clock_learn(struct thread *thread, const struct clock_pair *pairs, uint32_t count,
                 struct object *object, uintptr_t pc);
void clock_publish(struct thread *thread, struct object *object, uint64_t segment,
                   bool join); /* (thread->task, segment) */
void clock_acquire_task(struct thread *thread, uint32_t task, uint64_t segment,
                        struct object *object, uintptr_t pc);
/* Ends the present segment and returns its number. */
static inline uint64_t clock_new_segment(struct thread *thread)
{
    /* For a reader that follows: when it sees the new segment, all accesses of the old one are in the stream. */
    if (UNLIKELY(shim_options.digest))
        access_flush(thread);
    uint64_t ended = thread->segment++;
    thread->record->segment = thread->segment;
    if (thread->access)
        access_new_segment(thread);
    return ended;
}

/* Where it is kept what the thread's task knows of another. */
static inline struct seen *clock_seen(struct thread *thread, uint32_t task)
{
    return &thread->seen[(task + thread->task * 5) % SEEN_ENTRIES];
}

/* Is the thread known to be after this segment of that task? */
static inline bool clock_known(struct thread *thread, uint32_t task, uint64_t segment)
{
    const struct seen *seen = clock_seen(thread, task);
    return task == thread->task || task == 0 ||
           (seen->task == task && seen->owner == thread->task && seen->segment >= segment);
}

/* Somebody reads along, or some thread has had a part whose order does not count (AnnotateIgnoreSyncBegin). */
extern bool clock_unusual INNER;
void clock_release_unusual(struct thread *thread, struct object *object);
/* step: 1 such a part begins in this thread, -1 it ends. */
void clock_ignore(struct thread *thread, uint32_t step);

/* Is there nothing more to a release than clock_replace? */
static inline bool clock_plain(const struct thread *thread, struct object *object)
{
    return !clock_unusual && !object_clock(object)->set && !thread->access;
}

static inline void clock_replace(struct thread *thread, struct object *object)
{
    struct object_clock *clock = object_clock(object);
    clock->segment = thread->segment;
    clock->task = thread->task;
    thread->record->segment = ++thread->segment;
}

/* Replaces the clock by one pair. */
static inline void clock_release(struct thread *thread, struct object *object)
{
    struct object_clock *clock = object_clock(object);
    if (UNLIKELY(clock_unusual)) {
        clock_release_unusual(thread, object);
        return;
    }
    if (UNLIKELY(clock->set))
        clock_drop_set(object);
    clock_replace(thread, object);
    if (thread->access)
        access_new_segment(thread);
}
/* What the canceller did is before what the cancelled task does next. */
void clock_acquire_cancel(struct thread *thread, uintptr_t pc);

/* A barrier's rounds: arrive returns the round, leave learns what all who arrived for it published. */
uint64_t clock_barrier_arrive(struct thread *thread, struct object *object);
void clock_barrier_leave(struct thread *thread, struct object *object, uint64_t round,
                         uintptr_t pc);
/* Readers' unlocks are kept apart: writers are after them, readers are not. */
void clock_release_reader(struct thread *thread, struct object *object);
void clock_acquire_readers(struct thread *thread, struct object *object, uintptr_t pc);

#endif
