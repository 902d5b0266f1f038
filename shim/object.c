/*
 * The objects' hash table: buckets by 64-byte line of the address (so that a freed block can be searched line by line),
 * each with a lock bit. A counter per page says whether a freed block can hold objects at all.
 *
 * Invariant: a live object is in exactly one bucket chain; one that ended is in exactly one queue. Slots of ended objects
 * are used again after a while, with another generation, so that what records name is never taken for something else.
 */
#include "shim/object.h"

#include <pthread.h>
#include <sys/uio.h>

#include "shim/banned.h"
#include "shim/channel.h"
#include "shim/clock.h"
#include "shim/held.h"
#include "shim/misuse.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/table.h"

#define BUCKETS (1u << 17)
#define PAGES   (1u << 14)

struct bucket {
    struct spin lock;
    uint32_t first; /* object id */
};

struct object *object_table;
static struct bucket *buckets;
static volatile uint32_t *page_objects;
static struct spin end_lock;

bool object_setup(void)
{
    object_table = table_slot(&table_objects, 0);
    buckets = memory_get(sizeof *buckets * BUCKETS);
    page_objects = memory_get(sizeof *page_objects * PAGES);
    return buckets && page_objects;
}

static inline struct bucket *bucket_of(uintptr_t address)
{
    return &buckets[(address >> 6) * 0x9e3779b97f4a7c15u >> 47];
}
static_assert(BUCKETS == 1u << 17, "bucket_of");

static inline volatile uint32_t *page_of(uintptr_t address)
{
    return &page_objects[(address >> 12) * 0x9e3779b97f4a7c15u >> 50];
}
static_assert(PAGES == 1u << 14, "page_of");

static struct object *bucket_search(const struct bucket *bucket, uintptr_t address, uint32_t kind)
{
    for (uint32_t id = bucket->first; id; id = object_private(&object_table[id])->next) {
        struct trace_object *shown = &object_table[id].shown;
        if (shown->address == address && shown->kind == kind)
            return &object_table[id];
    }
    return NULL;
}

/* ---- slots ---- */

/*
 * Objects that ended, of each kind, the oldest first, and apart from them those that records of lock order or misuse name.
 * So many of them are kept, once there are SLOTS_FIRST objects (of pipes, which come and go by the million in a server:
 * always); the next ones take their slots.
 */
#define SLOTS_FIRST (1u << 16)
#define KEPT        8192u
#define KEPT_NAMED  (1u << 17)
#define KEPT_PIPES  512u
static struct ended {
    uint32_t first, last, count;
} ended_plain[TRACE_OBJECT_KIND_COUNT], ended_named[TRACE_OBJECT_KIND_COUNT];

static bool is_short_lived(uint32_t kind)
{
    return kind == TRACE_OBJECT_PIPE || kind == TRACE_OBJECT_SOCKET || kind == TRACE_OBJECT_EVENTFD;
}

/* Kinds that only records name by slot and generation: any of them may take the slot of any other. */
static bool has_generation(uint32_t kind)
{
    return kind <= TRACE_OBJECT_TASK;
}

static void ended_add(uint32_t slot)
{
    struct object *object = &object_table[slot];
    uint32_t kind = object->shown.kind;
    struct ended *ended =
        &(object->shown.flags & TRACE_OBJECT_NAMED ? ended_named : ended_plain)[kind];
    object_private(object)->later = 0;
    if (ended->count++)
        object_private(&object_table[ended->last])->later = slot;
    else
        ended->first = slot;
    ended->last = slot;
}

/* The oldest that nobody waits on any more, 0: none. */
static uint32_t ended_take(struct ended *ended, uint32_t kept)
{
    for (uint32_t try = 0; try < 4 && ended->count > kept; try++) {
        uint32_t slot = ended->first;
        ended->first = object_private(&object_table[slot])->later;
        ended->count--;
        if (!object_table[slot].shown.waiters)
            return slot;
        ended_add(slot);
    }
    return 0;
}

static uint32_t slot_again(uint32_t kind)
{
    if (is_short_lived(kind))
        return ended_take(&ended_plain[kind], KEPT_PIPES - 1);
    if (!has_generation(kind) || table_objects.count < SLOTS_FIRST)
        return 0;
    uint32_t slot = ended_take(&ended_plain[kind], KEPT);
    return slot ? slot : ended_take(&ended_named[kind], KEPT_NAMED);
}

/* The table is full. */
static uint32_t slot_last(uint32_t kind)
{
    uint32_t slot = ended_take(&ended_plain[kind], 0);
    for (uint32_t k = 0; k < TRACE_OBJECT_KIND_COUNT && !slot && has_generation(kind); k++)
        if (has_generation(k))
            slot = ended_take(&ended_plain[k], 0);
    for (uint32_t k = 0; k < TRACE_OBJECT_KIND_COUNT && !slot && has_generation(kind); k++)
        if (has_generation(k))
            slot = ended_take(&ended_named[k], 0);
    return slot;
}

static uint32_t slot_take(uint32_t kind)
{
    spin_lock(&end_lock);
    uint32_t slot = slot_again(kind);
    spin_unlock(&end_lock);
    if (!slot)
        slot = table_take(&table_objects, 1);
    if (slot)
        return slot;
    spin_lock(&end_lock);
    slot = slot_last(kind);
    spin_unlock(&end_lock);
    return slot;
}

static struct object *object_make(struct thread *thread, struct bucket *bucket, uintptr_t address,
                                  uint32_t kind)
{
    uint32_t slot = slot_take(kind);
    if (!slot) {
        __atomic_fetch_add(&process_record()->lost_objects, 1, __ATOMIC_RELAXED);
        shim_off(
            "no room for more synchronisation objects"); /* a lost edge would be a false race */
        return NULL;
    }
    struct object *object = &object_table[slot];
    clock_drop(object);
    if (object->shown.kind == TRACE_OBJECT_CHANNEL)
        channel_drop(object);
    bool again = object->shown.state != TRACE_OBJECT_UNUSED && has_generation(kind);
    uint16_t generation = (uint16_t)(object->shown.generation + again) % TRACE_OBJECT_GENERATIONS;
    raw_zero(object, sizeof *object);
    object->shown.generation = generation;
    object->shown.kind = (uint16_t)kind;
    object->shown.address = address;
    object->shown.create_task = thread->task;
    object_private(object)->next = bucket->first;
    __asm__ volatile("" ::: "memory");
    object->shown.state = TRACE_OBJECT_LIVE;
    __atomic_store_n(&bucket->first, slot, __ATOMIC_RELEASE);
    __atomic_fetch_add(page_of(address), 1, __ATOMIC_RELAXED);
    return object;
}

/* Without the lock. Slots are never unmapped, so a walk that loses its way among objects that come and go at that moment
 * misses one at worst; then the lock decides. */
static struct object *bucket_peek(const struct bucket *bucket, uintptr_t address, uint32_t kind)
{
    uint32_t id = __atomic_load_n(&bucket->first, __ATOMIC_ACQUIRE);
    for (uint32_t steps = 0; id && steps < 4; steps++) {
        struct object *object = &object_table[id];
        if (object->shown.address == address && object->shown.kind == kind &&
            object->shown.state == TRACE_OBJECT_LIVE)
            return object;
        id = object_private(object)->next;
    }
    return NULL;
}

/* Apart, so that who has met it lately saves no registers for it. */
static NOINLINE struct object *object_meet(struct thread *thread, uintptr_t address, uint32_t kind)
{
    struct bucket *bucket = bucket_of(address);
    struct object *object = bucket_peek(bucket, address, kind);
    if (!object) {
        spin_lock(&bucket->lock);
        object = bucket_search(bucket, address, kind);
        if (!object)
            object = object_make(thread, bucket, address, kind);
        spin_unlock(&bucket->lock);
    }
    *object_remembered(thread, address, kind) = object_id(object);
    return object;
}

struct object *object_get(struct thread *thread, uintptr_t address, enum trace_object_kind kind)
{
    struct object *object = object_cached(thread, address, kind);
    return LIKELY(object != NULL) ? object : object_meet(thread, address, kind);
}

struct object *object_find(struct thread *thread, uintptr_t address, enum trace_object_kind kind)
{
    struct object *object = object_cached(thread, address, kind);
    if (object)
        return object;
    struct bucket *bucket = bucket_of(address);
    spin_lock(&bucket->lock);
    object = bucket_search(bucket, address, kind);
    spin_unlock(&bucket->lock);
    if (object)
        *object_remembered(thread, address, kind) = object_id(object);
    return object;
}

/* With the bucket locked. */
static void object_unlink(struct bucket *bucket, struct object *object)
{
    uint32_t id = object_id(object), *link = &bucket->first;
    while (*link && *link != id)
        link = &object_private(&object_table[*link])->next;
    if (*link)
        *link = object_private(object)->next;
    __atomic_fetch_sub(page_of(object->shown.address), 1, __ATOMIC_RELAXED);
}

static void object_retire(struct thread *thread, struct object *object, uint32_t state)
{
    struct trace_object *shown = &object->shown;
    shown->end_task = thread->task;
    shown->end_tsc = tsc_now();
    shown->state = state;
    if (shown->kind == TRACE_OBJECT_ATOMIC && !shown->waiters)
        clock_drop(object);
    spin_lock(&end_lock);
    ended_add(object_id(object));
    spin_unlock(&end_lock);
}

void object_end(struct thread *thread, struct object *object, enum trace_object_state state)
{
    struct bucket *bucket = bucket_of(object->shown.address);
    spin_lock(&bucket->lock);
    bool live = object->shown.state == TRACE_OBJECT_LIVE;
    if (live) {
        object_unlink(bucket, object);
        object_retire(thread, object, state);
    }
    spin_unlock(&bucket->lock);
}

static void line_gone(struct thread *thread, uintptr_t line, uintptr_t low, uintptr_t high)
{
    struct bucket *bucket = bucket_of(line);
    if (!bucket->first)
        return;
    struct object *gone[16];
    uint32_t count;
    do {
        count = 0;
        spin_lock(&bucket->lock);
        for (uint32_t id = bucket->first; id && count < 16;
             id = object_private(&object_table[id])->next) {
            struct object *object = &object_table[id];
            uintptr_t address = object->shown.address;
            if (address >= low && address < high && address >> 6 == line >> 6 &&
                object->shown.kind != TRACE_OBJECT_TASK &&
                object->shown.kind != TRACE_OBJECT_SIGNAL)
                gone[count++] = object;
        }
        for (uint32_t i = 0; i < count; i++) {
            object_unlink(bucket, gone[i]);
            object_retire(thread, gone[i], TRACE_OBJECT_FREED);
        }
        spin_unlock(&bucket->lock);
        for (uint32_t i = 0; i < count; i++)
            misuse_freed(thread, gone[i]);
    } while (count == 16);
}

void object_range_gone(struct thread *thread, uintptr_t low, size_t size)
{
    uintptr_t high = low + size;
    if (size == 0 || high < low)
        return;
    if ((high >> 12) - (low >> 12) >
        PAGES) { /* a huge range: look at the objects instead of the pages */
        uint32_t count = table_objects.count;
        for (uint32_t id = 1; id < count; id++) {
            struct trace_object *shown = &object_table[id].shown;
            if (shown->state == TRACE_OBJECT_LIVE && shown->address >= low && shown->address < high)
                line_gone(thread, shown->address, low, high);
        }
        return;
    }
    for (uintptr_t page = low >> 12; page <= (high - 1) >> 12; page++) {
        if (LIKELY(!*page_of(page << 12)))
            continue;
        uintptr_t from = page << 12 > low ? page << 12 : low;
        uintptr_t to = (page + 1) << 12 < high ? (page + 1) << 12 : high;
        for (uintptr_t line = from & ~(uintptr_t)63; line < to; line += 64)
            line_gone(thread, line, low, high);
    }
}

void object_lock(struct object *object)
{
    spin_lock(&object_clock(object)->lock);
}

void object_unlock(struct object *object)
{
    spin_unlock(&object_clock(object)->lock);
}

/* glibc: what the objects of the C library say of themselves. */
#define MUTEX_SHARED   128 /* in __kind */
#define COND_SHARED    1   /* in __wrefs */
#define BARRIER_WORD   3   /* after those who came in, the round and the count */
#define SEMAPHORE_WORD 2   /* after the value and the number of those who wait */

static bool says_shared(uint32_t kind, const void *memory)
{
    switch (kind) {
    case TRACE_OBJECT_MUTEX:
        return ((const pthread_mutex_t *)memory)->__data.__kind & MUTEX_SHARED;
    case TRACE_OBJECT_RWLOCK:
        return ((const pthread_rwlock_t *)memory)->__data.__shared;
    case TRACE_OBJECT_COND:
        return ((const pthread_cond_t *)memory)->__data.__wrefs & COND_SHARED;
    case TRACE_OBJECT_BARRIER:
        return ((const int *)memory)[BARRIER_WORD];
    case TRACE_OBJECT_SEMAPHORE:
        return ((const int *)memory)[SEMAPHORE_WORD];
    default:
        return false;
    }
}

void object_learn_shared(struct object *object)
{
    if (UNLIKELY(says_shared(object->shown.kind, (const void *)object->shown.address)))
        __atomic_fetch_or(&object->shown.flags, TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
}

union lock {
    pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
    int spin;
};

/* Without a fault where its memory is gone. */
static bool lock_read(const struct object *object, union lock *lock)
{
    size_t size = object->shown.kind == TRACE_OBJECT_MUTEX    ? sizeof lock->mutex
                  : object->shown.kind == TRACE_OBJECT_RWLOCK ? sizeof lock->rwlock
                                                              : sizeof lock->spin;
    struct iovec here = {lock, size}, there = {(void *)object->shown.address, size};
    long got = raw6(SYS_process_vm_readv, raw0(SYS_getpid), (long)&here, 1, (long)&there, 1, 0);
    return got == (long)size;
}

/* Does the lock's own memory say that someone has it, and can nobody but this process give it up? */
static bool locked_for_good(const struct object *object)
{
    union lock lock;
    if (!lock_read(object, &lock) || says_shared(object->shown.kind, &lock))
        return false;
    switch (object->shown.kind) {
    case TRACE_OBJECT_MUTEX:
        return lock.mutex.__data.__lock;
    case TRACE_OBJECT_RWLOCK:
        return lock.rwlock.__data.__cur_writer;
    case TRACE_OBJECT_SPIN:
        return lock.spin != 1; /* glibc: 1 is unlocked */
    default:
        return false;
    }
}

/* What is shared with the parent the parent holds, not its child. */
static void parent_keeps(struct thread *thread)
{
    for (uint32_t i = thread->held_count; i-- > 0;) {
        struct object *object = thread->held[i].object;
        union lock lock;
        bool mutex = object->shown.kind == TRACE_OBJECT_MUTEX,
             shared = (mutex || object->shown.kind == TRACE_OBJECT_RWLOCK) &&
                      object->shown.flags & TRACE_OBJECT_SHARED;
        if (shared || (mutex && lock_read(object, &lock) && says_shared(TRACE_OBJECT_MUTEX, &lock)))
            held_drop(thread, object);
    }
}

/*
 * The tables were copied while the parent ran on: an owner in them may have come after the fork. What the thread itself holds
 * is in its own memory, as it was at the fork; what another held, the mutex tells, unless it is shared with the parent.
 */
void object_fork_child(struct thread *thread)
{
    spin_reset(&end_lock);
    for (uint32_t i = 0; i < BUCKETS; i++)
        if (buckets[i].lock.taken)
            spin_reset(&buckets[i].lock);
    uint32_t count = table_objects.count;
    for (uint32_t id = 1; id < count; id++) {
        struct object *object = &object_table[id];
        struct trace_object *shown = &object->shown;
        clock_drop(object);
        spin_reset(&object_clock(object)->lock);
        if (shown->kind == TRACE_OBJECT_CHANNEL)
            channel_forget(object);
        if (shown->owner && !held_find(thread, object) && locked_for_good(object))
            shown->flags |= TRACE_OBJECT_PARENT_HELD;
        if (shown->owner)
            shown->owner = shown->owner_count = 0;
        shown->waiters = shown->readers = 0;
        shown->flags |= TRACE_OBJECT_INHERITED;
        shown->create_task = shown->last_owner = shown->last_post_task = shown->unheard_task = 0;
        shown->posts = shown->unheard = 0;
        if (shown->kind == TRACE_OBJECT_COND)
            shown->value = 0;
    }
    parent_keeps(thread);
    for (uint32_t i = 0; i < thread->held_count; i++) {
        const struct held *held = &thread->held[i];
        struct trace_object *shown = &held->object->shown;
        if (held->mode == TRACE_MODE_SHARED) {
            shown->readers = held->count;
            continue;
        }
        shown->owner = thread->task;
        shown->owner_count = held->count;
        shown->owner_stack = held->stack;
    }
}
