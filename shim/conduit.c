/* Conduits and their clocks: see conduit.h. All functions are called with the guard up. */
#include "shim/conduit.h"

#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/fd.h"
#include "shim/table.h"

struct object *conduit_make(struct thread *thread, uint32_t kind, uintptr_t address,
                            uint32_t readers, uint32_t writers, uint32_t stack)
{
    struct object *old = object_find(thread, address, kind);
    if (old) /* a former one of this number, whose end we did not see */
        object_end(thread, old, TRACE_OBJECT_DESTROYED);
    struct object *object = object_get(thread, address, kind);
    if (!object)
        return NULL;
    object->shown.flags |= TRACE_OBJECT_INIT_SEEN;
    object->shown.readers = readers;
    object->shown.owner_count = writers;
    object->shown.create_stack = stack;
    object_private(object)->children = fd_children;
    return object;
}

struct object *conduit_found(struct thread *thread, uint32_t kind, uintptr_t address)
{
    struct object *object = object_get(thread, address, kind);
    if (object)
        __atomic_fetch_or(&object->shown.flags, TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
    return object;
}

static bool count_change(uint32_t *count, int change)
{
    return (int)__atomic_add_fetch(count, (uint32_t)change, __ATOMIC_RELAXED) >= 0;
}

void conduit_hold(struct thread *thread, struct object *object, int readers, int writers)
{
    if (!object || !(object->shown.flags & TRACE_OBJECT_INIT_SEEN))
        return;
    struct trace_object *shown = &object->shown;
    bool sane = count_change(&shown->readers, readers);
    sane = count_change(&shown->owner_count, writers) && sane;
    if (!sane) /* a descriptor that we did not see made was closed */
        __atomic_fetch_or(&shown->flags, TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
    else if (!shown->readers && !shown->owner_count && !shown->waiters &&
             !(shown->kind == TRACE_OBJECT_QUEUE &&
               shown->value == TRACE_NAME_NOW)) /* it can be opened again */
        object_end(thread, object, TRACE_OBJECT_DESTROYED);
}

bool conduit_shared(struct object *object)
{
    if (object_private(object)->children != fd_children)
        __atomic_fetch_or(&object->shown.flags, TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
    return object->shown.flags & TRACE_OBJECT_SHARED;
}

static void publish(struct thread *thread, struct object *object)
{
    object_lock(object);
    clock_publish(thread, object, thread->segment, true);
    object_unlock(object);
}

void conduit_end(struct thread *thread, struct object *object)
{
    if (fd_alone())
        return;
    publish(thread, object);
    uint32_t poller = object_private(object)->poller;
    if (poller)
        publish(thread, &object_table[poller]);
    clock_new_segment(thread);
}

void conduit_put(struct thread *thread, struct object *object, uint32_t stack)
{
    struct trace_object *shown = &object->shown;
    __atomic_fetch_add(&shown->posts, 1, __ATOMIC_RELAXED);
    shown->last_post_task = thread->task;
    shown->last_post_stack = stack;
    shown->last_post_tsc = tsc_now();
    conduit_end(thread, object);
}

void conduit_take(struct thread *thread, struct object *object, uintptr_t pc)
{
    if (fd_alone())
        return;
    clock_take(thread, object, pc);
}

struct object *conduit_any_poller(struct thread *thread, bool make)
{
    static struct object *any;
    if (!any && make)
        any = object_get(thread, CONDUIT_KEY(CONDUIT_UNKNOWN, 0), TRACE_OBJECT_FD);
    return any;
}

static bool watched;

bool conduit_any_watched(void)
{
    return watched;
}

static bool others_watched;

void conduit_watch_others(struct thread *thread)
{
    conduit_any_poller(thread, true);
    __atomic_store_n(&others_watched, true, __ATOMIC_SEQ_CST);
}

void conduit_others_put(struct thread *thread)
{
    struct object *any = others_watched && !fd_alone() ? conduit_any_poller(thread, false) : NULL;
    if (any)
        clock_release_join(thread, any);
}

void conduit_watch(struct thread *thread, struct object *object, struct object *poller)
{
    watched = true;
    uint32_t none = 0, id = object_id(poller);
    if (__atomic_compare_exchange_n(&object_private(object)->poller, &none, id, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED) ||
        none == id)
        return;
    /* In a second set too: from here on all sets of such conduits are taken for one. */
    object_private(object)->poller = object_id(conduit_any_poller(thread, true));
}
