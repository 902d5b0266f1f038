/*
 * Synchronisation objects: found by address and kind, kept in the live table of the trace. A pointer stays
 * valid; an object whose memory is freed or that is destroyed gets a new slot when its address is used again. Slots are used
 * again when the table is full, those of pipes and their like after 512 others.
 */
#ifndef SHIM_OBJECT_H
#define SHIM_OBJECT_H

#include "shim/shim.h"
#include "shim/spin.h"

struct clock_pair {
    uint64_t segment;
    uint32_t task;
    uint32_t unused;
};
struct clock_set; /* more pairs: clock.c */
struct channel;   /* channel.c */

struct object {
    struct trace_object shown;
};

/* The clock, in trace_object.recorder: the line that a lock touches anyway. */
struct object_clock {
    uint64_t segment; /* the one pair, where that is enough (task 0: empty) */
    uint32_t task;
    struct spin lock; /* 1: somebody changes the clock (objects that do not protect themselves) */
    struct clock_set *set; /* the others, or NULL */
};
static_assert(sizeof(struct object_clock) == sizeof(((struct trace_object *)0)->recorder) &&
                  offsetof(struct trace_object, readers) == 64 && sizeof(struct object) % 64 == 0,
              "recorder's own, within the first line");

static inline struct object_clock *object_clock(struct object *object)
{
    return (struct object_clock *)object->shown.recorder;
}

/* The rest, in trace_object.recorder_more. */
struct object_private {
    struct clock_set *readers; /* rwlock: readers' unlocks. barrier: the odd rounds */
    uint32_t next;             /* id of the next object in its bucket */
    uint32_t fold;             /* task id of its clock pseudo task, 0 none */
    uint64_t fold_segment;
    union {
        uint64_t arrivals;     /* barrier */
        struct {               /* conduit */
            uint32_t poller;   /* the object of the epoll set that watches it, 0: none */
            uint32_t children; /* fd_children when it was made */
        };
        struct {                /* number of an epoll set (poll_list.c) */
            uint32_t set_list;  /* what is in it, 0: it is not judged */
            uint32_t set_asked; /* after which change of any set */
        };
        struct channel *channel; /* channel.c */
    };
    uint32_t later; /* slot of the object that ended after it */
    uint32_t unused;
};
static_assert(sizeof(struct object_private) == sizeof(((struct trace_object *)0)->recorder_more),
              "recorder's own");

static inline struct object_private *object_private(struct object *object)
{
    return (struct object_private *)object->shown.recorder_more;
}

bool object_setup(void);
/* The object at `address`, made if need be (first use: described by this call); NULL if there is no room. */
struct object *object_get(struct thread *thread, uintptr_t address, enum trace_object_kind kind);
/* The same, but NULL if there is none. */
struct object *object_find(struct thread *thread, uintptr_t address, enum trace_object_kind kind);
/* Objects in [low, low + size) cease to be: their memory was freed. Cheap when no object lies near. */
void object_range_gone(struct thread *thread, uintptr_t low, size_t size);

/* An object of the C library, its memory there: if it was made for several processes, it is known for that from now on. */
void object_learn_shared(struct object *object);
/* The object was destroyed (or its task joined); its slot stays for diagnosis. */
void object_end(struct thread *thread, struct object *object, enum trace_object_state state);
/* In a fork child: every clock speaks of tasks of the parent; `old_task` is now `task`. */
void object_fork_child(struct thread *thread);

/* A short spin lock of one object, for operations that must be one step with the change of its clock (atomics). */
void object_lock(struct object *object);
void object_unlock(struct object *object);

extern struct object *object_table INNER; /* slot 0 of the live table */
static inline uint32_t object_id(const struct object *object)
{
    return object ? (uint32_t)(object - object_table) : 0;
}
/* What a record says of it. */
static inline uint32_t object_name(const struct object *object)
{
    return object ? object_id(object) | (uint32_t)object->shown.generation << TRACE_OBJECT_SLOT_BITS
                  : 0;
}
/* A record of lock order or misuse names it: its slot is kept for long. */
static inline void object_named(struct object *object)
{
    if (!(object->shown.flags & TRACE_OBJECT_NAMED))
        __atomic_fetch_or(&object->shown.flags, TRACE_OBJECT_NAMED, __ATOMIC_RELAXED);
}

/*
 * The object at `address` if this thread has met it lately. What is remembered may be out of date, so it is checked. Multiples
 * of the golden ratio spread locks that lie side by side evenly: of memcached's 1,308 nine in ten have a place of their own.
 */
static inline uint32_t *object_remembered(struct thread *thread, uintptr_t address, uint32_t kind)
{
    return &thread->object_ids[((address >> 3) + kind) * 0x9e3779b97f4a7c15u >> 53];
}
static_assert(OBJECT_CACHE == 1u << 11, "object_remembered");

static inline bool object_is(const struct object *object, uintptr_t address, uint32_t kind)
{
    return object->shown.address == address && object->shown.kind == kind &&
           object->shown.state == TRACE_OBJECT_LIVE;
}

static inline struct object *object_cached(struct thread *thread, uintptr_t address, uint32_t kind)
{
    struct object *object = &object_table[*object_remembered(thread, address, kind)];
    return LIKELY(object_is(object, address, kind)) ? object : NULL;
}

#endif
