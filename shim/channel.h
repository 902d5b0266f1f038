/*
 * The clocks of a channel, by Go's memory model: a send is before the receive that takes its value; the k-th receive from
 * a channel of capacity C is before the (k+C)-th send completes; a close is before a receive that sees it. So each place
 * of the buffer has one clock, which a send takes over from the receive before it and a receive from its send.
 *
 * All functions are called with the guard up, and for one channel one at a time, in the order in which the operations
 * take effect: under the channel's own lock, or with object_lock.
 */
#ifndef SHIM_CHANNEL_H
#define SHIM_CHANNEL_H

#include "shim/object.h"

struct channel {
    uint64_t sends, receives; /* completed, modulo the capacity: the place of the next one */
    uint64_t capacity;
    struct clock_pair closed;
    struct clock_pair *slots; /* [capacity] */
    uint64_t count,
        places; /* as the wrappers saw it last: elements; of slots[] there is memory for */
    struct clock_pair timer;    /* who armed the timer that sends here */
    struct meeting *waiting[2]; /* channel_meet.c: senders, receivers of a channel without buffer */
    struct channel *next_free;
};

/* The state of a channel object, made at the first call; NULL if there is no memory. */
struct channel *channel_get(struct object *object, uint64_t capacity);
/* To the place that comes next; no division, which takes as long as all the rest. */
static inline void channel_step(const struct channel *channel, uint64_t *place)
{
    *place = *place + 1 == channel->capacity ? 0 : *place + 1;
}
/* The calling task has put a value into the buffer, or taken one out. */
void channel_sent(struct thread *thread, struct object *object, uintptr_t pc);
void channel_received(struct thread *thread, struct object *object, uintptr_t pc);
/* The calling task hands a value to `peer`, which waits to receive, or takes one from it, which waits to send. `peer` has
 * to learn what is returned before it goes on, and to begin a new segment. */
struct clock_pair channel_give(struct thread *thread, struct object *object, struct clock_pair peer,
                               uintptr_t pc);
struct clock_pair channel_take(struct thread *thread, struct object *object, struct clock_pair peer,
                               uintptr_t pc);
void channel_close(struct thread *thread, struct object *object);
void channel_saw_close(struct thread *thread, struct object *object, uintptr_t pc);
/* channel_meet.c, for programs that tell of their channels (gorocheck.h), with object_lock: the calling task begins to send
 * (way 0) or receive (1), has done it, or has given it up. */
void channel_begin(struct thread *thread, struct object *object, int way);
void channel_done(struct thread *thread, struct object *object, int way, uintptr_t pc);
void channel_leave(struct thread *thread, struct object *object);
/* The object is no more: its memory goes back to a pool. */
void channel_drop(struct object *object);
/* In a fork child: its clocks speak of tasks of the parent. */
void channel_forget(struct object *object);
void channel_fork_child(void);
void channel_meet_fork_child(void);
/* Too many places to keep a clock for each: one joined clock instead, which errs on the side of more order. */
#define CHANNEL_PLACES_MAX 4096u

#endif
