/*
 * Happens-before as it is recorded: see clock.h. A clock is one pair, or a small set of pairs with distinct tasks; a set
 * that would grow beyond FOLD_AT is folded into a pseudo task of its own (TRACE_TASK_CLOCK), whose new segment is after
 * all of them, so that an acquirer learns one pair, however many tasks released.
 */
#include "shim/clock.h"

#include "shim/access.h"
#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/stream.h"
#include "shim/task.h"

#define FOLD_AT 16u

struct clock_set {
    uint32_t count;
    uint32_t unused;
    struct clock_set *next_free;
    struct clock_pair pairs[FOLD_AT];
};

static struct spin pool_lock;
static struct clock_set *pool;

bool clock_unusual;

void clock_ignore(struct thread *thread, uint32_t step)
{
    thread->ignores_sync += step;
    clock_unusual = true;
}

void clock_fork_child(void)
{
    spin_reset(&pool_lock);
}

static struct clock_set *set_get(void)
{
    spin_lock(&pool_lock);
    struct clock_set *set = pool;
    if (set)
        pool = set->next_free;
    spin_unlock(&pool_lock);
    if (!set)
        set = memory_get(sizeof *set);
    if (set)
        set->count = 0;
    else
        shim_off("no memory for a clock");
    return set;
}

static void set_put(struct clock_set **place)
{
    struct clock_set *set = *place;
    if (!set)
        return;
    *place = NULL;
    spin_lock(&pool_lock);
    set->next_free = pool;
    pool = set;
    spin_unlock(&pool_lock);
}

/* ---- learning ---- */

static void edge_write(struct thread *thread, const struct clock_pair *pair, struct object *object,
                       uintptr_t pc)
{
    const struct object *taken = thread->meaning.object;
    if (UNLIKELY(taken) && object && object->shown.kind == TRACE_OBJECT_ATOMIC &&
        (taken->shown.kind == TRACE_OBJECT_MUTEX || taken->shown.kind == TRACE_OBJECT_RWLOCK ||
         taken->shown.kind == TRACE_OBJECT_SPIN))
        object->shown.flags |= TRACE_OBJECT_OF_LOCK;
    *clock_seen(thread, pair->task) = (struct seen){pair->task, thread->task, pair->segment};
    uint8_t *p = sync_begin(thread);
    if (!p)
        return;
    struct trace_sync record;
    record.type = TRACE_SYNC_EDGE;
    record.segment = thread->segment;
    record.from = pair->task;
    record.from_segment = pair->segment;
    record.object = object_name(object);
    record.pc = pc;
    stream_commit(&thread->sync, trace_sync_put(&thread->sync_codec, p, &record));
}

void clock_learn(struct thread *thread, const struct clock_pair *pairs, uint32_t count,
                 struct object *object, uintptr_t pc)
{
    bool begun = false;
    for (uint32_t i = 0; i < count; i++) {
        if (LIKELY(clock_known(thread, pairs[i].task, pairs[i].segment)))
            continue;
        if (UNLIKELY(thread->ignores_sync))
            return;
        if (!begun)
            clock_new_segment(thread);
        begun = true;
        edge_write(thread, &pairs[i], object, pc);
    }
}

void clock_acquire_task(struct thread *thread, uint32_t task, uint64_t segment,
                        struct object *object, uintptr_t pc)
{
    struct clock_pair pair = {.segment = segment, .task = task};
    clock_learn(thread, &pair, 1, object, pc);
}

uint32_t clock_read(struct object *object, struct clock_pair *pairs, uint32_t capacity)
{
    const struct object_clock *clock = object_clock(object);
    if (!clock->set) {
        if (!clock->task || !capacity)
            return 0;
        pairs[0] = (struct clock_pair){.segment = clock->segment, .task = clock->task};
        return 1;
    }
    uint32_t count = clock->set->count < capacity ? clock->set->count : capacity;
    for (uint32_t i = 0; i < count; i++)
        pairs[i] = clock->set->pairs[i];
    return count;
}

void clock_acquire(struct thread *thread, struct object *object, uintptr_t pc)
{
    struct clock_pair pairs[FOLD_AT];
    clock_learn(thread, pairs, clock_read(object, pairs, FOLD_AT), object, pc);
}

void clock_take(struct thread *thread, struct object *object, uintptr_t pc)
{
    struct clock_pair pairs[FOLD_AT];
    object_lock(object);
    uint32_t count = clock_read(object, pairs, FOLD_AT);
    object_unlock(object);
    clock_learn(thread, pairs, count, object, pc);
}

void clock_acquire_cancel(struct thread *thread, uintptr_t pc)
{
    struct object *self = object_find(thread, thread->record->handle, TRACE_OBJECT_TASK);
    if (self)
        clock_acquire(thread, self, pc);
}

/* ---- releasing ---- */

void clock_release_unusual(struct thread *thread, struct object *object)
{
    struct object_clock *clock = object_clock(object);
    if (thread->ignores_sync)
        return;
    clock_drop_set(object);
    clock->segment = thread->segment;
    clock->task = thread->task;
    clock_new_segment(thread);
}

void clock_drop(struct object *object)
{
    object_clock(object)->task = 0;
    set_put(&object_clock(object)->set);
    set_put(&object_private(object)->readers);
}

void clock_drop_set(struct object *object)
{
    set_put(&object_clock(object)->set);
}

void clock_begin_task(struct thread *thread, uint32_t task, uint64_t first, struct clock_pair pair)
{
    uint8_t *p = sync_begin(thread);
    if (!p)
        return;
    struct trace_sync record;
    record.type = TRACE_SYNC_FOLD;
    record.task = task;
    record.segment = first;
    record.from = pair.task;
    record.from_segment = pair.segment;
    stream_commit(&thread->sync, trace_sync_put(&thread->sync_codec, p, &record));
}

static void fold_write(struct thread *thread, const struct object_private *own,
                       const struct clock_pair *pair)
{
    uint8_t *p = sync_begin(thread);
    if (!p)
        return;
    struct trace_sync record;
    record.type = TRACE_SYNC_FOLD;
    record.task = own->fold;
    record.segment = own->fold_segment;
    record.from = pair->task;
    record.from_segment = pair->segment;
    stream_commit(&thread->sync, trace_sync_put(&thread->sync_codec, p, &record));
}

/* The set becomes the one pair (its pseudo task, a new segment of it). */
static void set_fold(struct thread *thread, struct object_private *own, struct clock_set *set)
{
    if (!own->fold)
        own->fold = task_make_clock();
    if (!own->fold)
        return;
    own->fold_segment++;
    for (uint32_t i = 0; i < set->count; i++)
        if (set->pairs[i].task != own->fold)
            fold_write(thread, own, &set->pairs[i]);
    set->pairs[0] = (struct clock_pair){.segment = own->fold_segment, .task = own->fold};
    set->count = 1;
}

static void set_join(struct thread *thread, struct object_private *own, struct clock_set **place,
                     struct clock_pair pair)
{
    if (!*place && !(*place = set_get()))
        return;
    struct clock_set *set = *place;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->pairs[i].task == pair.task) {
            set->pairs[i].segment = pair.segment;
            return;
        }
    }
    if (set->count == FOLD_AT)
        set_fold(thread, own, set);
    if (set->count < FOLD_AT)
        set->pairs[set->count++] = pair;
}

void clock_publish(struct thread *thread, struct object *object, uint64_t segment, bool join)
{
    struct object_clock *clock = object_clock(object);
    struct object_private *own = object_private(object);
    struct clock_pair pair = {.segment = segment, .task = thread->task};
    if (UNLIKELY(thread->ignores_sync))
        return;
    if (!join || (!clock->set && (clock->task == 0 || clock->task == thread->task))) {
        set_put(&clock->set);
        clock->segment = segment;
        clock->task = thread->task;
        return;
    }
    if (!clock->set && clock->task) {
        struct clock_pair one = {.segment = clock->segment, .task = clock->task};
        set_join(thread, own, &clock->set, one);
        clock->task = 0;
    }
    set_join(thread, own, &clock->set, pair);
}

void clock_release_join(struct thread *thread, struct object *object)
{
    object_lock(object);
    clock_publish(thread, object, thread->segment, true);
    object_unlock(object);
    clock_new_segment(thread);
}

/* ---- rwlocks ---- */

void clock_release_reader(struct thread *thread, struct object *object)
{
    struct object_private *own = object_private(object);
    struct clock_pair pair = {.segment = thread->segment, .task = thread->task};
    if (UNLIKELY(thread->ignores_sync))
        return;
    object_lock(object);
    set_join(thread, own, &own->readers, pair);
    object_unlock(object);
    clock_new_segment(thread);
}

void clock_acquire_readers(struct thread *thread, struct object *object, uintptr_t pc)
{
    struct object_private *own = object_private(object);
    if (!own->readers || UNLIKELY(thread->ignores_sync))
        return;
    clock_learn(thread, own->readers->pairs, own->readers->count, object, pc);
    set_put(
        &own->readers); /* we are the writer: whoever comes next is after us, and so after them */
}

/* ---- barriers: even rounds in `set`, odd ones in `readers`, since a fast task may arrive for the next round before a
 * slow one has left this one ---- */

static struct clock_set **round_set(struct object *object, uint64_t round)
{
    return round & 1 ? &object_private(object)->readers : &object_clock(object)->set;
}

uint64_t clock_barrier_arrive(struct thread *thread, struct object *object)
{
    struct object_private *own = object_private(object);
    struct clock_pair pair = {.segment = thread->segment, .task = thread->task};
    object_lock(object);
    uint64_t parties = object->shown.value > 0 ? (uint64_t)object->shown.value : 1;
    uint64_t round = own->arrivals / parties;
    if (own->arrivals % parties == 0)
        set_put(round_set(object, round));
    own->arrivals++;
    object->shown.posts = own->arrivals;
    if (LIKELY(!thread->ignores_sync))
        set_join(thread, own, round_set(object, round), pair);
    object_unlock(object);
    clock_new_segment(thread);
    return round;
}

void clock_barrier_leave(struct thread *thread, struct object *object, uint64_t round, uintptr_t pc)
{
    struct clock_pair pairs[FOLD_AT];
    object_lock(object);
    struct clock_set *set = *round_set(object, round);
    uint32_t count = set ? set->count : 0;
    for (uint32_t i = 0; i < count; i++)
        pairs[i] = set->pairs[i];
    object_unlock(object);
    clock_learn(thread, pairs, count, object, pc);
}
