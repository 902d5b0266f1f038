/*
 * Package sync of Go: Mutex, RWMutex, WaitGroup, Once, Cond. A Mutex may be unlocked by another goroutine than the one that
 * locked it; so what a goroutine holds is true only where the object names it as the owner.
 */
#include "shim/go.h"

#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/held.h"
#include "shim/lock.h"
#include "shim/stack.h"
#include "shim/task.h"

/* ---- Mutex and RWMutex ---- */

/* The lock within a RWMutex is part of it. */
static bool is_part(uintptr_t mutex)
{
    const struct thread *thread = thread_current;
    const struct go_operation *outer = (uintptr_t)thread > 1 ? go_current(thread) : NULL;
    return outer && outer->address == mutex &&
           trace_primitives[outer->primitive].kind == TRACE_OBJECT_RWLOCK;
}

/* Forgets what others have unlocked meanwhile. */
static void held_refresh(struct thread *thread)
{
    for (uint32_t i = thread->held_count; i-- > 0;) {
        const struct held *held = &thread->held[i];
        if (held->mode == TRACE_MODE_EXCLUSIVE && held->object->shown.owner != thread->task)
            held_drop(thread, held->object);
    }
}

/* Before the object is held: what goes with the order of locks. */
static uint64_t order_key(struct thread *thread, struct object *object, uint32_t mode, bool try)
{
    if (LIKELY(!thread->held_count))
        return 0;
    held_refresh(thread);
    return try ? 0 : held_key(thread, object, mode);
}

static inline void lock_owned(struct thread *thread, struct object *object, bool try, uintptr_t pc,
                              uintptr_t frame)
{
    lock_taken(thread, object, order_key(thread, object, TRACE_MODE_EXCLUSIVE, try), 0, pc, frame);
    if (UNLIKELY(!object->shown.create_stack)) {
        object->shown.create_stack = object->shown.owner_stack;
        object->shown.flags |= TRACE_OBJECT_GO;
    }
}

/* Who has the lock of a Once and finds it not done runs its function. */
static void once_runs(struct thread *thread, struct go_operation *once)
{
    if (*(volatile uint32_t *)once->address != 0)
        return;
    once->flags = OPERATION_RUNNER;
    struct object *object = object_get(thread, once->address, TRACE_OBJECT_ONCE);
    if (object)
        object->shown.owner = thread->task;
}

static NOINLINE void locked(const struct go_operation *operation, uint32_t kind, bool try)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = object_get(thread, operation->address, kind);
    if (object) {
        lock_owned(thread, object, try, operation->pc, operation->frame);
        struct go_operation *outer = operation->outer;
        if (UNLIKELY(outer && outer->primitive == PRIMITIVE_go_once &&
                     operation->address - outer->address < 16))
            once_runs(thread, outer);
    }
    thread_leave(thread);
}

/* About to be unlocked; if it is not locked, the runtime will say so. */
static NOINLINE void unlocking(const struct go_operation *operation, uint32_t kind)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = object_get(thread, operation->address, kind);
    if (object && object->shown.owner) {
        bool foreign = object->shown.owner != thread->task;
        lock_given(thread, object);
        if (foreign) /* last used by us, here */
            object->shown.owner_stack = stack_here(thread, operation->pc, operation->frame);
    } else if (object) {
        clock_release(thread, object);
    }
    thread_leave(thread);
}

static NOINLINE void lock_wait(void *mutex, uintptr_t pc, uintptr_t frame)
{
    struct go_operation operation __attribute__((cleanup(go_end)));
    operation.pc = pc;
    operation.frame = frame;
    go_begin(&operation, PRIMITIVE_go_mutex_lock, (uintptr_t)mutex);
    GO_REAL(go_mutex_lock)(mutex);
    if (LIKELY(go_on))
        locked(&operation, TRACE_OBJECT_MUTEX, false);
}

/* The thread, where nothing is unusual: a goroutine in no operation. */
static inline struct thread *plain(void)
{
    struct thread *thread = thread_current;
    if (UNLIKELY((uintptr_t)thread <= THREAD_NONE || !thread->go || thread->go->operation ||
                 thread->busy || shim_state != SHIM_ON))
        return NULL;
    return thread;
}

/*
 * The word of a Mutex: 0 free, 1 locked and nobody waits, else more. Lock and Unlock of libgo begin with this step, which is
 * done here in line; only where it fails is there anything to ask them. Of a libgo whose Mutex is laid out otherwise, all
 * is asked.
 */
static inline bool word_changed(uint32_t *word, uint32_t from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Had at once, but met for the first time, or with anything else to it. */
static NOINLINE void lock_unusual(struct thread *thread, uintptr_t mutex, uintptr_t pc,
                                  uintptr_t frame)
{
    struct object *object = object_get(thread, mutex, TRACE_OBJECT_MUTEX);
    if (LIKELY(object != NULL))
        lock_owned(thread, object, false, pc, frame);
    thread_leave(thread);
}

/* The one that was the innermost before is so again, mostly: it need not be looked up. */
static inline struct object *mutex_again(struct thread *thread, uintptr_t mutex)
{
    struct object *object = thread->held[0].object;
    return LIKELY(object && object_is(object, mutex, TRACE_OBJECT_MUTEX))
               ? object
               : object_cached(thread, mutex, TRACE_OBJECT_MUTEX);
}

/* Tried first: what is to be had at once needs no operation, and the goroutine stays on this thread. */
GO_EXPORT(go_mutex_lock, "sync.Mutex.Lock", void, (void *mutex));
EXPORT void wrap_go_mutex_lock(void *mutex)
{
    struct thread *thread = plain();
    if (UNLIKELY(!thread) && is_part((uintptr_t)mutex)) {
        GO_REAL(go_mutex_lock)(mutex);
        return;
    }
    uintptr_t pc = RETURN_PC, frame = (uintptr_t)__builtin_frame_address(0);
    if (UNLIKELY(!thread || !mutex || !go_layout.mutex_known || !word_changed(mutex, 0, 1))) {
        lock_wait(mutex, pc, frame);
        return;
    }
    thread->busy = 1;
    __asm__ volatile("" ::: "memory");
    thread->events++;
    struct object *object = mutex_again(thread, (uintptr_t)mutex);
    if (UNLIKELY(!object || thread->held_count || !lock_usual(thread, object))) {
        lock_unusual(thread, (uintptr_t)mutex, pc, frame);
        return;
    }
    uint32_t stack = stack_here(thread, pc, frame);
    lock_own(thread, object, stack);
    thread_leave(thread);
}

GO_EXPORT(go_mutex_trylock, "sync.Mutex.TryLock", bool, (void *mutex));
EXPORT bool wrap_go_mutex_trylock(void *mutex)
{
    if (UNLIKELY(is_part((uintptr_t)mutex)))
        return GO_REAL(go_mutex_trylock)(mutex);
    GO_OPERATION(operation, go_mutex_trylock, mutex);
    bool result = GO_REAL(go_mutex_trylock)(mutex);
    if (result && LIKELY(go_on))
        locked(&operation, TRACE_OBJECT_MUTEX, true);
    return result;
}

static NOINLINE void unlock_unusual(void *mutex, uintptr_t pc, uintptr_t frame)
{
    struct go_operation operation __attribute__((cleanup(go_end)));
    operation.pc = pc;
    operation.frame = frame;
    go_begin(&operation, PRIMITIVE_go_mutex_unlock, (uintptr_t)mutex);
    unlocking(&operation, TRACE_OBJECT_MUTEX);
    GO_REAL(go_mutex_unlock)(mutex);
}

static NOINLINE void unlock_otherwise(void *mutex, uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = plain();
    struct object *object =
        LIKELY(thread != NULL) ? object_cached(thread, (uintptr_t)mutex, TRACE_OBJECT_MUTEX) : NULL;
    if (LIKELY(object && lock_plain(thread, object))) {
        thread->busy = 1;
        __asm__ volatile("" ::: "memory");
        thread->events++;
        lock_given(thread, object);
        thread_leave(thread);
        if (LIKELY(go_layout.mutex_known && word_changed(mutex, 1, 0)))
            return;
    } else if (go_on && !is_part((uintptr_t)mutex)) {
        unlock_unusual(mutex, pc, frame);
        return;
    }
    GO_REAL(go_mutex_unlock)(mutex);
}

/* It is recorded: only the word is left, or to deliver a signal that came meanwhile. */
static NOINLINE void unlock_rest(struct thread *thread, void *mutex)
{
    if (thread->deferred)
        thread_deliver(thread);
    if (!word_changed(mutex, 1, 0))
        GO_REAL(go_mutex_unlock)(mutex);
}

/* The lock that was taken last, by who has it: in line, without a call on the way. */
GO_EXPORT(go_mutex_unlock, "sync.Mutex.Unlock", void, (void *mutex));
EXPORT void wrap_go_mutex_unlock(void *mutex)
{
    struct thread *thread = plain();
    uint32_t last = LIKELY(thread != NULL) ? thread->held_count - 1 : HELD_ENTRIES;
    struct object *object = LIKELY(last < HELD_ENTRIES) ? thread->held[last].object : NULL;
    if (UNLIKELY(!object || !object_is(object, (uintptr_t)mutex, TRACE_OBJECT_MUTEX) ||
                 !lock_plain(thread, object) || !clock_plain(thread, object) ||
                 !go_layout.mutex_known)) {
        unlock_otherwise(mutex, RETURN_PC, (uintptr_t)__builtin_frame_address(0));
        return;
    }
    thread->busy = 1;
    __asm__ volatile("" ::: "memory");
    thread->events++;
    lock_owner_leaves(thread, object);
    held_pop(thread, last);
    clock_replace(thread, object);
    __asm__ volatile("" ::: "memory");
    thread->busy = 0;
    __asm__ volatile("" ::: "memory");
    if (UNLIKELY(thread->deferred || !word_changed(mutex, 1, 0)))
        unlock_rest(thread, mutex);
}

GO_EXPORT(go_rwmutex_lock, "sync.RWMutex.Lock", void, (void *mutex));
EXPORT void wrap_go_rwmutex_lock(void *mutex)
{
    GO_OPERATION(operation, go_rwmutex_lock, mutex);
    GO_REAL(go_rwmutex_lock)(mutex);
    if (LIKELY(go_on))
        locked(&operation, TRACE_OBJECT_RWLOCK, false);
}

GO_EXPORT(go_rwmutex_trylock, "sync.RWMutex.TryLock", bool, (void *mutex));
EXPORT bool wrap_go_rwmutex_trylock(void *mutex)
{
    GO_OPERATION(operation, go_rwmutex_trylock, mutex);
    bool result = GO_REAL(go_rwmutex_trylock)(mutex);
    if (result && LIKELY(go_on))
        locked(&operation, TRACE_OBJECT_RWLOCK, true);
    return result;
}

GO_EXPORT(go_rwmutex_unlock, "sync.RWMutex.Unlock", void, (void *mutex));
EXPORT void wrap_go_rwmutex_unlock(void *mutex)
{
    GO_OPERATION(operation, go_rwmutex_unlock, mutex);
    if (LIKELY(go_on))
        unlocking(&operation, TRACE_OBJECT_RWLOCK);
    GO_REAL(go_rwmutex_unlock)(mutex);
}

static void read_held(struct thread *thread, struct object *object, bool try,
                      const struct go_operation *operation)
{
    uint64_t key = order_key(thread, object, TRACE_MODE_SHARED, try);
    uint32_t stack = stack_here(thread, operation->pc, operation->frame);
    held_push(thread, object, TRACE_MODE_SHARED, stack);
    if (key)
        held_order(thread, object, TRACE_MODE_SHARED, stack, key);
}

static NOINLINE void read_locked(const struct go_operation *operation, bool try)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = object_get(thread, operation->address, TRACE_OBJECT_RWLOCK);
    if (object) {
        clock_take(thread, object, operation->pc);
        __atomic_fetch_add(&object->shown.readers, 1, __ATOMIC_RELAXED);
        object->shown.flags |= TRACE_OBJECT_GO;
        struct held *held = held_find(thread, object);
        if (held)
            held->count++;
        else
            read_held(thread, object, try, operation);
    }
    thread_leave(thread);
}

static NOINLINE void read_unlocking(uintptr_t address)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = object_get(thread, address, TRACE_OBJECT_RWLOCK);
    if (object) {
        struct held *held = held_find(thread, object);
        if (!held)
            held_left_given(object);
        __atomic_fetch_sub(&object->shown.readers, 1, __ATOMIC_RELAXED);
        if (held && --held->count == 0)
            held_drop(thread, object);
        clock_release_reader(thread, object);
    }
    thread_leave(thread);
}

GO_EXPORT(go_rwmutex_rlock, "sync.RWMutex.RLock", void, (void *mutex));
EXPORT void wrap_go_rwmutex_rlock(void *mutex)
{
    GO_OPERATION(operation, go_rwmutex_rlock, mutex);
    GO_REAL(go_rwmutex_rlock)(mutex);
    if (LIKELY(go_on))
        read_locked(&operation, false);
}

GO_EXPORT(go_rwmutex_tryrlock, "sync.RWMutex.TryRLock", bool, (void *mutex));
EXPORT bool wrap_go_rwmutex_tryrlock(void *mutex)
{
    GO_OPERATION(operation, go_rwmutex_tryrlock, mutex);
    bool result = GO_REAL(go_rwmutex_tryrlock)(mutex);
    if (result && LIKELY(go_on))
        read_locked(&operation, true);
    return result;
}

GO_EXPORT(go_rwmutex_runlock, "sync.RWMutex.RUnlock", void, (void *mutex));
EXPORT void wrap_go_rwmutex_runlock(void *mutex)
{
    GO_OPERATION(operation, go_rwmutex_runlock, mutex);
    if (LIKELY(go_on))
        read_unlocking((uintptr_t)mutex);
    GO_REAL(go_rwmutex_runlock)(mutex);
}

/* ---- WaitGroup ---- */

static NOINLINE void group_add(const struct go_operation *operation, intptr_t delta)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = object_get(thread, operation->address, TRACE_OBJECT_WAITGROUP);
    if (object) {
        struct trace_object *shown = &object->shown;
        shown->flags |= TRACE_OBJECT_GO;
        __atomic_fetch_add(&shown->value, delta, __ATOMIC_RELAXED);
        uint32_t stack = stack_here(thread, operation->pc, operation->frame);
        if (delta < 0) {
            clock_release_join(thread, object);
            shown->posts++;
            shown->last_post_task = thread->task;
            shown->last_post_stack = stack;
            shown->last_post_tsc = tsc_now();
        } else if (!shown->create_stack) {
            shown->create_stack = stack;
        }
    }
    thread_leave(thread);
}

GO_EXPORT(go_waitgroup_add, "sync.WaitGroup.Add", void, (void *group, intptr_t delta));
EXPORT void wrap_go_waitgroup_add(void *group, intptr_t delta)
{
    GO_OPERATION(operation, go_waitgroup_add, group);
    if (LIKELY(go_on))
        group_add(&operation, delta);
    GO_REAL(go_waitgroup_add)(group, delta);
}

static NOINLINE void acquired(const struct go_operation *operation, uint32_t kind)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = object_get(thread, operation->address, kind);
    if (object) {
        clock_take(thread, object, operation->pc);
        object->shown.flags |= TRACE_OBJECT_GO;
    }
    thread_leave(thread);
}

GO_EXPORT(go_waitgroup_wait, "sync.WaitGroup.Wait", void, (void *group));
EXPORT void wrap_go_waitgroup_wait(void *group)
{
    GO_OPERATION(operation, go_waitgroup_wait, group);
    GO_REAL(go_waitgroup_wait)(group);
    if (LIKELY(go_on))
        acquired(&operation, TRACE_OBJECT_WAITGROUP);
}

/* ---- Once ---- */

/*
 * Who ran the function publishes after it has returned. The runtime says "done" a moment before that, so one that finds it
 * done may find nothing published yet: then it is after what the runner has done until now, which is a little more.
 */
static NOINLINE void once_done(const struct go_operation *operation)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct object *object = object_get(thread, operation->address, TRACE_OBJECT_ONCE);
    if (object) {
        struct trace_object *shown = &object->shown;
        shown->flags |= TRACE_OBJECT_GO;
        if (operation->flags & OPERATION_RUNNER) {
            clock_release(thread, object);
            shown->value = 1;
        } else if (shown->value) {
            clock_acquire(thread, object, operation->pc);
        } else if (shown->owner) {
            clock_acquire_task(thread, shown->owner, task_record(shown->owner)->segment, object,
                               operation->pc);
        }
    }
    thread_leave(thread);
}

GO_EXPORT(go_once, "sync.Once.Do", void, (void *once, void *fn));
EXPORT void wrap_go_once(void *once, void *fn)
{
    GO_OPERATION(operation, go_once, once);
    GO_REAL(go_once)(once, fn);
    if (LIKELY(go_on))
        once_done(&operation);
}

/* ---- Cond ---- */

/* Cond {noCopy; L Locker; ...}: L is an interface, its second word the lock. */
static uintptr_t cond_lock(uintptr_t cond)
{
    return ((const uintptr_t *)cond)[1];
}

GO_EXPORT(go_cond_wait, "sync.Cond.Wait", void, (void *cond));
EXPORT void wrap_go_cond_wait(void *cond)
{
    GO_OPERATION(operation, go_cond_wait, cond);
    if (cond && (operation.second = cond_lock((uintptr_t)cond)))
        operation.flags = OPERATION_PAIRED;
    GO_REAL(go_cond_wait)(cond);
}

static NOINLINE void signalled(const struct go_operation *operation)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = object_get(thread, operation->address, TRACE_OBJECT_COND);
    if (object) {
        struct trace_object *shown = &object->shown;
        uint32_t stack = stack_here(thread, operation->pc, operation->frame);
        shown->flags |= TRACE_OBJECT_GO;
        shown->posts++;
        shown->last_post_task = thread->task;
        shown->last_post_stack = stack;
        shown->last_post_tsc = tsc_now();
        if (!shown->waiters) {
            shown->unheard++;
            shown->unheard_task = thread->task;
            shown->unheard_stack = stack;
            shown->unheard_tsc = shown->last_post_tsc;
        }
    }
    thread_leave(thread);
}

GO_EXPORT(go_cond_signal, "sync.Cond.Signal", void, (void *cond));
EXPORT void wrap_go_cond_signal(void *cond)
{
    GO_OPERATION(operation, go_cond_signal, cond);
    if (LIKELY(go_on))
        signalled(&operation);
    GO_REAL(go_cond_signal)(cond);
}

GO_EXPORT(go_cond_broadcast, "sync.Cond.Broadcast", void, (void *cond));
EXPORT void wrap_go_cond_broadcast(void *cond)
{
    GO_OPERATION(operation, go_cond_broadcast, cond);
    if (LIKELY(go_on))
        signalled(&operation);
    GO_REAL(go_cond_broadcast)(cond);
}
