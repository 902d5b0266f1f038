/*
 * What a task holds, and in which order locks are taken: one ORDER record for each combination of task, lock and held set
 * that was not seen before (lockdep's chain hash), so that lock-heavy programs stay small. What is known is a cache: a
 * combination that was forgotten is written again.
 */
#include "shim/held.h"

#include "shim/banned.h"
#include "shim/orders.h"
#include "shim/stream.h"
#include "shim/table.h"

struct held *held_find(struct thread *thread, const struct object *object)
{
    for (uint32_t i = thread->held_count; i-- > 0;)
        if (thread->held[i].object == object)
            return &thread->held[i];
    return NULL;
}

/* Not the innermost one. */
void held_drop_slow(struct thread *thread, const struct object *object)
{
    struct held *held = held_find(thread, object);
    if (!held) {
        if (thread->held_beyond)
            thread->held_beyond--;
        return;
    }
    struct held *last = &thread->held[--thread->held_count];
    for (; held < last; held++)
        held[0] = held[1];
    held_rehash(thread);
}

void held_left(struct thread *thread)
{
    for (uint32_t i = 0; i < thread->held_count; i++) {
        struct trace_object *shown = &thread->held[i].object->shown;
        if (thread->held[i].mode != TRACE_MODE_SHARED || shown->kind != TRACE_OBJECT_RWLOCK ||
            shown->state != TRACE_OBJECT_LIVE || shown->owner)
            continue;
        shown->owner = thread->task;
        shown->owner_stack = thread->held[i].stack;
    }
}

void held_rehash(struct thread *thread)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < thread->held_count; i++) {
        struct held *held = &thread->held[i];
        held->before = hash;
        if (i < TRACE_HELD_MAX)
            hash = held_with(hash, held->object, held->mode);
    }
    held_changed(thread, hash);
}

/*
 * The key is of the task, what it holds, what it takes. Not of the places: they would multiply the records, and one pair of
 * stacks tells of the order. But before a task is created its creator's locks are ordered before all that it does, and
 * afterwards they are not; so each combination counts anew when the number of tasks has doubled. What its creator holds
 * meanwhile is over before the task can have it: with such a lock and without, a combination counts as two.
 */
uint64_t held_key(const struct thread *thread, struct object *object, uint32_t mode)
{
    if (!thread->held_count)
        return 0;
    uint32_t doubled = (uint32_t)__builtin_clz(table_tasks.count - 1);
    uint32_t over_birth = thread->held[0].since <= thread->made;
    uint64_t key = held_with(thread->held_hash, object, mode) ^ thread->task;
    key = (key ^ key >> 32 ^ (uint64_t)(doubled | over_birth << 8) << 32) * 0x9e3779b97f4a7c15u;
    key = (key ^ key >> 29) | 1;
    if (LIKELY(orders_met_lately(thread->held_hash, thread->task, key)))
        return 0;
    orders_fetch(key);
    return key;
}

void held_order(struct thread *thread, struct object *object, uint32_t mode, uint32_t stack,
                uint64_t key)
{
    /* Where there was no room for it: the same, since a hash knows no more than TRACE_HELD_MAX. */
    uint64_t under = thread->held[thread->held_count - 1].before;
    bool met = orders_met(key);
    orders_meet(under, thread->task, key);
    if (LIKELY(met))
        return;
    uint8_t *p = sync_begin(thread);
    if (!p)
        return;
    uint32_t count =
        thread->held_count - 1 < TRACE_HELD_MAX ? thread->held_count - 1 : TRACE_HELD_MAX;
    struct trace_sync record;
    record.type = TRACE_SYNC_ORDER;
    record.segment = thread->segment;
    record.object = object_name(object);
    object_named(object);
    record.mode = mode;
    record.stack = stack;
    record.held_count = count;
    for (uint32_t i = 0; i < count; i++) {
        record.held[i] = (struct trace_held){.object = object_name(thread->held[i].object),
                                             .stack = thread->held[i].stack,
                                             .mode = thread->held[i].mode};
        record.since[i] = thread->held[i].since;
        object_named(thread->held[i].object);
    }
    stream_commit(&thread->sync, trace_sync_put(&thread->sync_codec, p, &record));
}
