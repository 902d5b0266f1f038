/*
 * What a task holds, and in which order locks are taken: one ORDER record for each combination of lock, place and held
 * set that was not seen before (lockdep's chain hash), so that lock-heavy programs stay small.
 */
#include "shim/held.h"

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/stream.h"

#define ORDERS (1u << 15)

static uint64_t *orders_known;

struct held *held_find(struct thread *thread, const struct object *object)
{
    uint32_t count = thread->held_count < HELD_ENTRIES ? thread->held_count : HELD_ENTRIES;
    for (uint32_t i = count; i-- > 0;)
        if (thread->held[i].object == object)
            return &thread->held[i];
    return NULL;
}

void held_push(struct thread *thread, struct object *object, uint32_t mode, uint32_t stack)
{
    if (thread->held_count < HELD_ENTRIES)
        thread->held[thread->held_count] =
            (struct held){.object = object, .stack = stack, .mode = (uint16_t)mode, .count = 1};
    thread->held_count++;
    thread->held_version++;
}

void held_drop(struct thread *thread, const struct object *object)
{
    struct held *held = held_find(thread, object);
    thread->held_version++;
    if (!held) {
        if (thread->held_count > HELD_ENTRIES)
            thread->held_count--;
        return;
    }
    struct held *last =
        &thread->held[(thread->held_count < HELD_ENTRIES ? thread->held_count : HELD_ENTRIES) - 1];
    for (; held < last; held++)
        held[0] = held[1];
    thread->held_count--;
}

/* Lock order: a record when this lock is taken here under a held set not seen before. */
void held_order(struct thread *thread, struct object *object, uint32_t mode, uint32_t stack)
{
    uint32_t count =
        thread->held_count - 1 < TRACE_HELD_MAX ? thread->held_count - 1 : TRACE_HELD_MAX;
    uint64_t hash =
        ((uint64_t)object_id(object) << 32 | stack) * 0x9e3779b97f4a7c15u + mode + thread->task;
    for (uint32_t i = 0; i < count; i++) {
        const struct held *held = &thread->held[i];
        hash = (hash ^ hash >> 31 ^ object_id(held->object) ^ (uint64_t)held->mode << 40) *
               0x9e3779b97f4a7c15u;
    }
    if (!orders_known) {
        uint64_t *fresh = memory_get(ORDERS * sizeof *orders_known);
        uint64_t *none = NULL;
        if (fresh)
            __atomic_compare_exchange_n(&orders_known, &none, fresh, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE);
    }
    if (!orders_known || orders_known[hash % ORDERS] == hash)
        return;
    uint8_t *p = stream_begin(&thread->sync);
    if (!p)
        return;
    orders_known[hash % ORDERS] = hash;
    struct trace_sync record;
    record.type = TRACE_SYNC_ORDER;
    record.segment = thread->segment;
    record.object = object_id(object);
    record.mode = mode;
    record.stack = stack;
    record.held_count = count;
    for (uint32_t i = 0; i < count; i++)
        record.held[i] = (struct trace_held){.object = object_id(thread->held[i].object),
                                             .stack = thread->held[i].stack,
                                             .mode = thread->held[i].mode};
    stream_commit(&thread->sync, trace_sync_put(&thread->sync_codec, p, &record));
}

void held_fork_child(void)
{
    if (orders_known)
        raw_zero(orders_known, ORDERS * sizeof *orders_known);
}
