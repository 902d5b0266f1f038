/*
 * What the verbs of trace/verbs.def do before and after a real call. A wrapper (interpose.c) is
 *
 *     call_enter    guard up, object found, what comes before
 *     call_block    (only if it may block) task marked as blocked, guard down
 *     the real function
 *     call_return   guard up, task runs again, what comes after
 *     call_leave    guard down: by cleanup, so also when the real call is left by cancellation
 *
 * Misuse is reported only where the real object's own state bears it out: what we saw of an object may be incomplete.
 */
#include "shim/call.h"

#include "shim/clock.h"
#include "shim/directory.h"
#include "shim/module.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/spin.h"
#include "shim/stack.h"
#include "shim/stream.h"
#include "shim/task.h"
#include "shim/table.h"
#include "shim/banned.h"

#define MISUSE_MAX 4096u /* records in a process; the analyzer folds them anyway */
#define ORDERS (1u << 15)

static volatile uint32_t misuse_count;
static uint64_t *orders_known;

void call_misuse(struct thread *thread, uint32_t misuse, struct object *object, uint32_t stack, uint32_t other_task,
                 uint32_t other_stack)
{
    if (__atomic_add_fetch(&misuse_count, 1, __ATOMIC_RELAXED) > MISUSE_MAX)
        return;
    directory_need();
    uint8_t *p = stream_begin(&thread->sync);
    if (!p)
        return;
    struct trace_sync record;
    record.type = TRACE_SYNC_MISUSE;
    record.segment = thread->segment;
    record.detail = misuse;
    record.object = object_id(object);
    record.stack = stack;
    record.other_task = other_task;
    record.other_stack = other_stack;
    stream_commit(&thread->sync, trace_sync_put(&thread->sync_codec, p, &record));
}

/* ---- the real state ---- */

static bool mutex_really_held(const struct object *object, uint32_t by_os_tid)
{
    const pthread_mutex_t *m = (const pthread_mutex_t *)object->shown.address;
    if (object->shown.kind != TRACE_OBJECT_MUTEX)
        return true;
    if (!m->__data.__lock)
        return false;
    return !by_os_tid || (uint32_t)m->__data.__owner == by_os_tid;
}

static bool really_free(const struct object *object)
{
    const struct trace_object *shown = &object->shown;
    if (shown->kind == TRACE_OBJECT_MUTEX)
        return !((const pthread_mutex_t *)shown->address)->__data.__lock;
    if (shown->kind == TRACE_OBJECT_SPIN)
        return *(const volatile int *)shown->address == 1; /* glibc: 1 is unlocked */
    if (shown->kind == TRACE_OBJECT_RWLOCK) {
        const pthread_rwlock_t *lock = (const pthread_rwlock_t *)shown->address;
        return !lock->__data.__readers && !lock->__data.__cur_writer;
    }
    return false;
}

/* ---- what a task holds ---- */

static struct held *held_find(struct thread *thread, const struct object *object)
{
    uint32_t count = thread->held_count < HELD_ENTRIES ? thread->held_count : HELD_ENTRIES;
    for (uint32_t i = count; i-- > 0;)
        if (thread->held[i].object == object)
            return &thread->held[i];
    return NULL;
}

static void held_push(struct thread *thread, struct object *object, uint32_t mode, uint32_t stack)
{
    if (thread->held_count < HELD_ENTRIES)
        thread->held[thread->held_count] =
            (struct held){.object = object, .stack = stack, .mode = (uint16_t)mode, .count = 1};
    thread->held_count++;
    thread->held_version++;
}

static void held_drop(struct thread *thread, const struct object *object)
{
    struct held *held = held_find(thread, object);
    thread->held_version++;
    if (!held) {
        if (thread->held_count > HELD_ENTRIES)
            thread->held_count--;
        return;
    }
    struct held *last = &thread->held[(thread->held_count < HELD_ENTRIES ? thread->held_count : HELD_ENTRIES) - 1];
    for (; held < last; held++)
        held[0] = held[1];
    thread->held_count--;
}

/* Lock order: a record when this lock is taken here under a held set not seen before. */
static void order_note(struct thread *thread, struct object *object, uint32_t mode, uint32_t stack)
{
    uint32_t count = thread->held_count - 1 < TRACE_HELD_MAX ? thread->held_count - 1 : TRACE_HELD_MAX;
    uint64_t hash = ((uint64_t)object_id(object) << 32 | stack) * 0x9e3779b97f4a7c15u + mode + thread->task;
    for (uint32_t i = 0; i < count; i++) {
        const struct held *held = &thread->held[i];
        hash = (hash ^ hash >> 31 ^ object_id(held->object) ^ (uint64_t)held->mode << 40) * 0x9e3779b97f4a7c15u;
    }
    if (!orders_known) {
        uint64_t *fresh = memory_get(ORDERS * sizeof *orders_known);
        uint64_t *none = NULL;
        if (fresh)
            __atomic_compare_exchange_n(&orders_known, &none, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
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

/* ---- after an acquisition ---- */

static void take_exclusive(struct call *call, struct object *object, uint32_t after)
{
    struct thread *thread = call->thread;
    struct trace_object *shown = &object->shown;
    if (shown->owner == thread->task && shown->owner_count) {
        shown->owner_count++;
        struct held *held = held_find(thread, object);
        if (held)
            held->count++;
        return;
    }
    clock_acquire(thread, object, call->pc);
    if (shown->kind == TRACE_OBJECT_RWLOCK)
        clock_acquire_readers(thread, object, call->pc);
    uint32_t stack = call->stack ? call->stack : stack_here(thread, call->pc, call->frame);
    shown->owner = thread->task;
    shown->owner_count = 1;
    shown->owner_stack = stack;
    held_push(thread, object, TRACE_MODE_EXCLUSIVE, stack);
    if (thread->held_count > 1)
        order_note(thread, object, TRACE_MODE_EXCLUSIVE | (after & VERB_TRY ? TRACE_MODE_TRY : 0), stack);
}

static void take_shared(struct call *call, struct object *object, uint32_t after)
{
    struct thread *thread = call->thread;
    clock_acquire(thread, object, call->pc);
    __atomic_fetch_add(&object->shown.readers, 1, __ATOMIC_RELAXED);
    struct held *held = held_find(thread, object);
    if (held) {
        held->count++;
        return;
    }
    uint32_t stack = call->stack ? call->stack : stack_here(thread, call->pc, call->frame);
    held_push(thread, object, TRACE_MODE_SHARED, stack);
    if (thread->held_count > 1)
        order_note(thread, object, TRACE_MODE_SHARED | (after & VERB_TRY ? TRACE_MODE_TRY : 0), stack);
}

/* The owner died; what it did is before us all the same: the kernel says so. */
static void take_over(struct call *call, struct object *object)
{
    uint32_t dead = object->shown.owner;
    object->shown.flags |= TRACE_OBJECT_ROBUST | TRACE_OBJECT_INCONSISTENT;
    if (dead && dead != call->thread->task)
        clock_acquire_task(call->thread, dead, task_record(dead)->segment, object, call->pc);
    object->shown.owner = 0;
    object->shown.owner_count = 0;
}

static void posted(struct thread *thread, struct object *object, uint32_t stack)
{
    struct trace_object *shown = &object->shown;
    shown->posts++;
    shown->last_post_task = thread->task;
    shown->last_post_stack = stack;
    shown->last_post_tsc = tsc_now();
}

/* ---- before a release ---- */

static uint32_t call_stack(struct call *call)
{
    if (!call->stack)
        call->stack = stack_here(call->thread, call->pc, call->frame);
    return call->stack;
}

static void wrong_unlock(struct call *call, struct object *object)
{
    struct trace_object *shown = &object->shown;
    struct thread *thread = call->thread;
    if (really_free(object)) {
        call_misuse(thread, TRACE_MISUSE_UNLOCK_NOT_LOCKED, object, call_stack(call), 0, 0);
        return;
    }
    bool ours = shown->kind == TRACE_OBJECT_MUTEX && mutex_really_held(object, thread->record->os_tid);
    if (!ours && shown->owner && shown->kind != TRACE_OBJECT_RWLOCK && shown->kind != TRACE_OBJECT_SPIN)
        call_misuse(thread, TRACE_MISUSE_UNLOCK_NOT_OWNER, object, call_stack(call), shown->owner, shown->owner_stack);
    if (!ours && shown->owner && shown->kind == TRACE_OBJECT_RWLOCK && !shown->readers)
        call_misuse(thread, TRACE_MISUSE_UNLOCK_NOT_OWNER, object, call_stack(call), shown->owner, shown->owner_stack);
    clock_release_join(thread, object);
}

/* Gives up all levels of a hold (`all`: a condition wait), or one. */
static void give(struct call *call, struct object *object, bool all)
{
    struct thread *thread = call->thread;
    struct trace_object *shown = &object->shown;
    if (shown->owner == thread->task && shown->owner_count) {
        if (!all && --shown->owner_count) {
            struct held *held = held_find(thread, object);
            if (held)
                held->count--;
            return;
        }
        if (shown->flags & TRACE_OBJECT_INCONSISTENT) {
            call_misuse(thread, TRACE_MISUSE_NOT_RECOVERABLE, object, call_stack(call), 0, 0);
            shown->flags &= ~TRACE_OBJECT_INCONSISTENT;
        }
        shown->last_owner = thread->task;
        shown->owner_count = 0;
        shown->owner = 0;
        held_drop(thread, object);
        clock_release(thread, object);
        return;
    }
    struct held *held = held_find(thread, object);
    if (held && held->mode == TRACE_MODE_SHARED) {
        __atomic_fetch_sub(&shown->readers, 1, __ATOMIC_RELAXED);
        if (--held->count == 0)
            held_drop(thread, object);
        clock_release_reader(thread, object);
        return;
    }
    wrong_unlock(call, object);
}

static void wake(struct call *call, struct object *object)
{
    struct trace_object *shown = &object->shown;
    struct object_private *own = object_private(object);
    uint32_t stack = call_stack(call);
    posted(call->thread, object, stack);
    if (shown->kind == TRACE_OBJECT_SEMAPHORE)
        __atomic_fetch_add(&shown->value, 1, __ATOMIC_RELAXED);
    if (shown->kind != TRACE_OBJECT_COND)
        return;
    if (!shown->waiters) {
        shown->unheard++;
        shown->unheard_task = call->thread->task;
        shown->unheard_stack = stack;
        shown->unheard_tsc = shown->last_post_tsc;
    }
    uint32_t sleeping = __atomic_load_n(&own->sleeping, __ATOMIC_RELAXED);
    if (sleeping)
        __atomic_store_n(&own->sleeping, call->value == 2 ? 0 : sleeping - 1, __ATOMIC_RELAXED);
}

/* ---- init and destroy ---- */

/*
 * Semaphores, barriers and spin locks must be initialised by call; so one that is used where another was destroyed, with
 * no init in between, is used after destroy. Only in static memory and on the caller's stack: elsewhere the memory may
 * have become something else in ways we do not see.
 */
#define DESTROYED 256u
static struct destroyed {
    uintptr_t address;
    uint32_t kind, task, stack;
} destroyed[DESTROYED];

static struct destroyed *destroyed_at(uintptr_t address)
{
    return &destroyed[(address >> 2 ^ address >> 10) % DESTROYED];
}

static bool must_init(uint32_t kind)
{
    return kind == TRACE_OBJECT_SEMAPHORE || kind == TRACE_OBJECT_BARRIER || kind == TRACE_OBJECT_SPIN;
}

static bool in_use(const struct object *object)
{
    const struct trace_object *shown = &object->shown;
    const struct object_private *own = object_private((struct object *)(uintptr_t)object);
    if (shown->kind == TRACE_OBJECT_BARRIER)
        return own->parties && own->arrivals % own->parties;
    if (shown->kind == TRACE_OBJECT_COND)
        return own->sleeping && shown->waiters;
    if (shown->kind == TRACE_OBJECT_SEMAPHORE)
        return shown->waiters && shown->value <= 0;
    return false;
}

static void check_end(struct call *call, struct object *object, bool init)
{
    struct trace_object *shown = &object->shown;
    struct thread *thread = call->thread;
    if (in_use(object)) {
        uint32_t misuse = shown->kind == TRACE_OBJECT_BARRIER ? TRACE_MISUSE_BARRIER_IN_USE : TRACE_MISUSE_DESTROY_WAITED;
        call_misuse(thread, misuse, object, call_stack(call), 0, shown->create_stack);
        return;
    }
    if (shown->owner && !really_free(object)) {
        uint32_t misuse = init ? TRACE_MISUSE_DOUBLE_INIT : TRACE_MISUSE_DESTROY_LOCKED;
        call_misuse(thread, misuse, object, call_stack(call), shown->owner, shown->owner_stack);
        return;
    }
    if (init && shown->flags & TRACE_OBJECT_INIT_SEEN && module_holds(shown->address))
        call_misuse(thread, TRACE_MISUSE_DOUBLE_INIT, object, call_stack(call), shown->create_task,
                    shown->create_stack);
}

static uint32_t mutex_flags(const struct object *object)
{
    const pthread_mutex_t *m = (const pthread_mutex_t *)object->shown.address;
    uint32_t kind = (uint32_t)m->__data.__kind, flags = 0;
    if ((kind & 3) == PTHREAD_MUTEX_RECURSIVE)
        flags |= TRACE_OBJECT_RECURSIVE;
    if ((kind & 3) == PTHREAD_MUTEX_ERRORCHECK)
        flags |= TRACE_OBJECT_ERRORCHECK;
    if (kind & 16)
        flags |= TRACE_OBJECT_ROBUST;
    if (kind & 32)
        flags |= TRACE_OBJECT_INHERIT;
    if (kind & 128)
        flags |= TRACE_OBJECT_SHARED;
    return flags;
}

static void describe(struct call *call, uint32_t kind, uintptr_t address)
{
    struct thread *thread = call->thread;
    struct object *old = object_find(thread, address, kind);
    if (old)
        object_end(thread, old, TRACE_OBJECT_DESTROYED);
    struct object *object = object_get(thread, address, kind);
    if (!object)
        return;
    struct trace_object *shown = &object->shown;
    if (destroyed_at(address)->address == address)
        destroyed_at(address)->address = 0;
    shown->flags |= TRACE_OBJECT_INIT_SEEN;
    shown->create_stack = call_stack(call);
    if (kind == TRACE_OBJECT_MUTEX)
        shown->flags |= mutex_flags(object);
    if (kind == TRACE_OBJECT_SEMAPHORE || kind == TRACE_OBJECT_BARRIER)
        shown->value = (int64_t)call->value;
    if (kind == TRACE_OBJECT_BARRIER)
        object_private(object)->parties = (uint32_t)call->value;
    if (kind == TRACE_OBJECT_SEMAPHORE) /* what the initialiser did is before whoever takes one of the first */
        clock_release_join(thread, object);
}

void call_freed(struct thread *thread, struct object *object)
{
    const struct trace_object *shown = &object->shown;
    bool exclusive = shown->kind == TRACE_OBJECT_MUTEX || shown->kind == TRACE_OBJECT_RWLOCK;
    if (exclusive && shown->owner && !really_free(object)) {
        uint32_t stack = stack_here(thread, thread->free_pc, thread->free_frame);
        object->shown.end_stack = stack;
        call_misuse(thread, TRACE_MISUSE_FREED_HELD, object, stack, shown->owner, shown->owner_stack);
        if (shown->owner == thread->task)
            held_drop(thread, object);
    } else if (shown->waiters) {
        object->shown.end_stack = stack_here(thread, thread->free_pc, thread->free_frame);
    }
}

void call_exit_holding(struct thread *thread)
{
    uint32_t count = thread->held_count < HELD_ENTRIES ? thread->held_count : HELD_ENTRIES;
    for (uint32_t i = 0; i < count; i++) {
        const struct held *held = &thread->held[i];
        if (held->object->shown.state != TRACE_OBJECT_LIVE || really_free(held->object) ||
            held->object->shown.flags & TRACE_OBJECT_ROBUST)
            continue;
        if (held->mode == TRACE_MODE_EXCLUSIVE && held->object->shown.owner != thread->task)
            continue;
        call_misuse(thread, TRACE_MISUSE_EXIT_HOLDING, held->object, held->stack, thread->task, held->stack);
    }
}

/* ---- the frame of a wrapper ---- */

static void check_use(struct call *call, uint32_t kind, uintptr_t address)
{
    struct object *object = call->object;
    struct destroyed *before = destroyed_at(address);
    if (must_init(kind) && before->address == address && before->kind == kind) {
        uintptr_t here = (uintptr_t)__builtin_frame_address(0);
        if (module_holds(address) || (address > here && address - here < 65536))
            call_misuse(call->thread, TRACE_MISUSE_USE_AFTER_DESTROY, object, call_stack(call), before->task,
                        before->stack);
        before->address = 0;
    }
    if (kind == TRACE_OBJECT_MUTEX && ((const pthread_mutex_t *)address)->__data.__kind == -1)
        call_misuse(call->thread, TRACE_MISUSE_USE_AFTER_DESTROY, object, call_stack(call), object->shown.end_task,
                    object->shown.end_stack);
    object->shown.create_stack = object->shown.create_stack ? object->shown.create_stack : call_stack(call);
}

bool call_enter(struct call *call, uint32_t primitive, uint32_t kind, uintptr_t address, uintptr_t value,
                uint32_t before)
{
    struct thread *thread = thread_enter();
    call->thread = thread;
    if (!thread)
        return false;
    call->guarded = true;
    call->primitive = primitive;
    call->value = value;
    call->kind = kind;
    call->address = address;
    thread->events++;
    if (before & (VERB_INIT_CHECK | VERB_END)) {
        struct object *old = object_find(thread, address, kind);
        if (old)
            check_end(call, old, before & VERB_INIT_CHECK);
        if (old && before & VERB_END) {
            old->shown.end_stack = call_stack(call);
            if (must_init(kind))
                *destroyed_at(address) = (struct destroyed){address, kind, thread->task, call_stack(call)};
            object_end(thread, old, TRACE_OBJECT_DESTROYED);
        }
        return true;
    }
    struct object *object = object_get(thread, address, kind);
    call->object = object;
    if (UNLIKELY(!object)) {
        call->guarded = false;
        call->thread = NULL;
        thread_leave(thread);
        return false;
    }
    if (UNLIKELY(before & VERB_USE && !object->shown.create_stack))
        check_use(call, kind, address);
    if (before & VERB_DROP)
        give(call, object, false);
    else if (before & VERB_RELEASE)
        clock_release(thread, object);
    if (before & VERB_WAKE && kind == TRACE_OBJECT_BARRIER) {
        posted(thread, object, call_stack(call));
        call->round = clock_barrier_arrive(thread, object);
        return true;
    }
    if (before & VERB_RELEASE_JOIN)
        clock_release_join(thread, object);
    if (before & VERB_WAKE)
        wake(call, object);
    return true;
}

static void check_block(struct call *call, uint32_t before)
{
    struct object *object = call->object;
    struct trace_object *shown = &object->shown;
    struct thread *thread = call->thread;
    uint32_t self = thread->task;
    bool exclusive = before & VERB_MAY_BLOCK && !(before & VERB_SHARED);
    if (shown->kind == TRACE_OBJECT_RWLOCK && exclusive) {
        struct held *held = held_find(thread, object);
        if (held && held->mode == TRACE_MODE_SHARED)
            call_misuse(thread, TRACE_MISUSE_UPGRADE, object, call_stack(call), self, held->stack);
    }
    if ((shown->kind == TRACE_OBJECT_MUTEX || shown->kind == TRACE_OBJECT_RWLOCK) && shown->owner == self &&
        !(shown->flags & (TRACE_OBJECT_RECURSIVE | TRACE_OBJECT_ERRORCHECK)) && shown->owner_count)
        call_misuse(thread, TRACE_MISUSE_RELOCK_SELF, object, call_stack(call), self, shown->owner_stack);
    if (shown->flags & TRACE_OBJECT_PARENT_HELD && before & VERB_TIMED) /* an untimed wait is found blocked */
        call_misuse(thread, TRACE_MISUSE_FORK_HELD, object, call_stack(call), 0, shown->owner_stack);
}

void call_block(struct call *call, uint32_t before)
{
    struct thread *thread = call->thread;
    uint32_t stack = call_stack(call);
    if (call->object->shown.kind != TRACE_OBJECT_COND)
        check_block(call, before);
    task_block(thread, call->primitive, call->object, call->mutex, before & VERB_TIMED, call->value, stack);
    call->blocked = true;
    call->guarded = false;
    thread_leave(thread);
}

static void call_resume(struct call *call)
{
    if (call->guarded)
        return;
    call->thread->busy = 1;
    __asm__ volatile("" ::: "memory");
    call->guarded = true;
    if (call->blocked)
        task_unblock(call->thread, call->object);
    call->blocked = false;
}

void call_return(struct call *call, uint32_t ok, uint32_t after)
{
    struct thread *thread = call->thread;
    struct object *object = call->object;
    call_resume(call);
    if (!ok || shim_state != SHIM_ON)
        return;
    if (UNLIKELY(after & VERB_INIT)) {
        describe(call, call->kind, call->address);
        return;
    }
    if (UNLIKELY(ok == 2))
        take_over(call, object);
    if (after & VERB_HOLD) {
        if (after & VERB_SHARED)
            take_shared(call, object, after);
        else
            take_exclusive(call, object, after);
        return;
    }
    if (after & VERB_CONSISTENT)
        object->shown.flags &= ~TRACE_OBJECT_INCONSISTENT;
    if (call->kind == TRACE_OBJECT_BARRIER && after & VERB_ACQUIRE) {
        clock_barrier_leave(thread, object, call->round, call->pc);
        return;
    }
    if (after & VERB_TAKE)
        __atomic_fetch_sub(&object->shown.value, 1, __ATOMIC_RELAXED);
    if (after & VERB_ACQUIRE) {
        object_lock(object);
        struct clock_pair pairs[16];
        uint32_t count = clock_read(object, pairs, 16);
        object_unlock(object);
        clock_learn(thread, pairs, count, object, call->pc);
    }
}

/* ---- condition waits ---- */

bool call_wait_enter(struct call *call, uint32_t primitive, uintptr_t cond, uintptr_t mutex, uint32_t before)
{
    struct thread *thread = thread_enter();
    call->thread = thread;
    if (!thread)
        return false;
    call->guarded = true;
    call->primitive = primitive;
    call->kind = TRACE_OBJECT_COND;
    call->address = cond;
    thread->events++;
    struct object *object = call->object = object_get(thread, cond, TRACE_OBJECT_COND);
    struct object *lock = call->mutex = object_get(thread, mutex, TRACE_OBJECT_MUTEX);
    if (!object || !lock) {
        call->thread = NULL;
        thread_leave(thread);
        return false;
    }
    uint32_t stack = call_stack(call);
    if (!object->shown.create_stack)
        object->shown.create_stack = stack;
    if (!lock->shown.create_stack)
        lock->shown.create_stack = stack;
    if (lock->shown.owner != thread->task && !mutex_really_held(lock, thread->record->os_tid))
        call_misuse(thread, TRACE_MISUSE_WAIT_WITHOUT_MUTEX, object, stack, lock->shown.owner, lock->shown.owner_stack);
    if (object->shown.waiters && object->shown.mutex && object->shown.mutex != object_id(lock))
        call_misuse(thread, TRACE_MISUSE_TWO_MUTEXES, object, stack, 0, object->shown.last_post_stack);
    object->shown.mutex = object_id(lock);
    if (lock->shown.owner == thread->task) {
        call->rejoin = true;
        call->held_stack = lock->shown.owner_stack;
        call->held_count = lock->shown.owner_count;
        give(call, lock, true);
    }
    if (!(before & VERB_TIMED))
        __atomic_fetch_add(&object_private(object)->sleeping, 1, __ATOMIC_RELAXED);
    return true;
}

static void wait_rejoin(struct call *call)
{
    struct thread *thread = call->thread;
    struct object *lock = call->mutex;
    struct object_private *own = object_private(call->object);
    if (own->sleeping > call->object->shown.waiters) /* left without a signal: spurious, or cancelled */
        own->sleeping = call->object->shown.waiters;
    if (!call->rejoin)
        return;
    call->rejoin = false;
    clock_acquire(thread, lock, call->pc);
    lock->shown.owner = thread->task;
    lock->shown.owner_count = call->held_count;
    lock->shown.owner_stack = call->stack;
    held_push(thread, lock, TRACE_MODE_EXCLUSIVE, call->stack);
    thread->held[(thread->held_count < HELD_ENTRIES ? thread->held_count : HELD_ENTRIES) - 1].count =
        (uint16_t)call->held_count;
    if (thread->held_count > 1)
        order_note(thread, lock, TRACE_MODE_EXCLUSIVE, call->stack);
}

/* `relocked`: the real call returned with the mutex locked again (it does unless it refused to wait at all). */
void call_wait_return(struct call *call, bool relocked)
{
    call_resume(call);
    if (relocked && shim_state == SHIM_ON)
        wait_rejoin(call);
}

void call_leave(struct call *call)
{
    if (!call->thread)
        return;
    if (call->blocked) { /* cancelled within the real call; a condition wait has locked its mutex again */
        call_resume(call);
        if (call->kind == TRACE_OBJECT_COND && shim_state == SHIM_ON)
            wait_rejoin(call);
    }
    if (call->guarded)
        thread_leave(call->thread);
}

void call_fork_child(void)
{
    misuse_count = 0;
    if (orders_known)
        raw_zero(orders_known, ORDERS * sizeof *orders_known);
}
