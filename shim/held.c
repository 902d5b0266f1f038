/*
 * What a task holds, and in which order locks are taken: one ORDER record for each combination of task, lock and held set
 * that was not seen before (lockdep's chain hash), so that lock-heavy programs stay small. What is known is a cache: a
 * combination that was forgotten is written again.
 */
#include "shim/held.h"

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/stream.h"
#include "shim/table.h"

/* memcached, with 1,024 item locks, has some 65,000 combinations: more than the first cache holds, so that each byte counts.
 * A set is 16 bytes; which one and what stands there are 46 bits of the key. */
#define ORDERS (1u << 16)
#define WAYS   4u

static uint32_t *orders_known;

struct held *held_find(struct thread *thread, const struct object *object)
{
    uint32_t count = thread->held_count < HELD_ENTRIES ? thread->held_count : HELD_ENTRIES;
    for (uint32_t i = count; i-- > 0;)
        if (thread->held[i].object == object)
            return &thread->held[i];
    return NULL;
}

/* Not the innermost one. */
void held_drop_slow(struct thread *thread, const struct object *object)
{
    struct held *held = held_find(thread, object);
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
    held_rehash(thread);
}

void held_rehash(struct thread *thread)
{
    uint32_t count = thread->held_count < HELD_ENTRIES ? thread->held_count : HELD_ENTRIES;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct held *held = &thread->held[i];
        held->before = hash;
        if (i < TRACE_HELD_MAX)
            hash = held_with(hash, held->object, held->mode);
    }
    held_changed(thread, hash);
}

static inline uint32_t *known_set(uint64_t key)
{
    return &orders_known[(key >> 32) % (ORDERS / WAYS) * WAYS];
}

/*
 * The key is of the task, what it holds, what it takes. Not of the places: they would multiply the records, and one pair of
 * stacks tells of the order. But before a task is created its creator's locks are ordered before all that it does, and
 * afterwards they are not; so each combination counts anew when the number of tasks has doubled.
 */
uint64_t held_key(const struct thread *thread, struct object *object, uint32_t mode)
{
    if (!thread->held_count)
        return 0;
    uint32_t count = thread->held_count < TRACE_HELD_MAX ? thread->held_count : TRACE_HELD_MAX;
    uint32_t doubled = (uint32_t)__builtin_clz(table_tasks.count - 1);
    uint64_t key = ((uint64_t)object_name(object) << 32 | thread->task) * 0x9e3779b97f4a7c15u +
                   (doubled << 2 | mode);
    for (uint32_t i = 0; i < count; i++) {
        const struct held *held = &thread->held[i];
        key = (key ^ key >> 31 ^ object_name(held->object) ^ (uint64_t)held->mode << 40) *
              0x9e3779b97f4a7c15u;
    }
    if (orders_known)
        __builtin_prefetch(known_set(key));
    return key | 1;
}

/* Is it known? If not, it takes the place of another of its set. */
static bool order_known(uint64_t key)
{
    uint32_t *set = known_set(key), tag = (uint32_t)key;
    for (uint32_t way = 0; way < WAYS; way++)
        if (set[way] == tag)
            return true;
    uint32_t way = 0;
    while (way < WAYS && set[way])
        way++;
    set[way < WAYS ? way : (key >> 60) % WAYS] = tag;
    return false;
}

void held_order(struct thread *thread, struct object *object, uint32_t mode, uint32_t stack,
                uint64_t key)
{
    if (UNLIKELY(!orders_known)) {
        uint32_t *fresh = memory_get(ORDERS * sizeof *orders_known);
        uint32_t *none = NULL;
        if (fresh)
            __atomic_compare_exchange_n(&orders_known, &none, fresh, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE);
    }
    if (!orders_known || LIKELY(order_known(key)))
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
        object_named(thread->held[i].object);
    }
    stream_commit(&thread->sync, trace_sync_put(&thread->sync_codec, p, &record));
}

void held_fork_child(void)
{
    if (orders_known)
        raw_zero(orders_known, ORDERS * sizeof *orders_known);
}
