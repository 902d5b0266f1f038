/*
 * The atomic operations of the __tsan_* ABI, with C11's happens-before:
 *   a release store replaces the object's clock by the storer's pair; any release read-modify-write joins its pair;
 *   a relaxed store ends the release sequences of other threads, its own goes on (C11 5.1.2.4p10);
 *   an acquire learns the clock; a relaxed load keeps what it read for a later acquire fence;
 *   a release fence ends a segment, and later relaxed stores publish that one. seq_cst counts as acquire and release.
 *
 * Invariant: where an object has a clock, operation and clock are one step under the object's lock. The access itself
 * is recorded before its release, in the segment that is published. An address that only relaxed operations touch, or that
 * nobody released, needs no object: acquirers look whether there is one after they have read, and read again if so.
 */
#include "shim/abi.h"
#include "shim/access_state.h"
#include "shim/atomic_native.h"
#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/object.h"

#define KIND_ATOMIC(bits) (TRACE_KIND_ATOMIC | (uint32_t)__builtin_ctz((bits) / 8) << 4)

static inline int order_of(int order)
{
    return order >= __ATOMIC_RELAXED && order <= __ATOMIC_SEQ_CST ? order : __ATOMIC_SEQ_CST;
}

static inline bool acquires(int order)
{
    order = order_of(order);
    return order != __ATOMIC_RELAXED && order != __ATOMIC_RELEASE;
}

static inline bool releases(int order)
{
    return order_of(order) >= __ATOMIC_RELEASE;
}
static_assert(__ATOMIC_RELAXED == 0 && __ATOMIC_ACQUIRE == 2 && __ATOMIC_RELEASE == 3 &&
                  __ATOMIC_SEQ_CST == 5,
              "orders");

/* ---- fences ---- */

static void pending_add(struct thread *thread, struct access_state *state,
                        const struct clock_pair *pair, struct object *object, uintptr_t pc)
{
    for (uint32_t i = 0; i < state->pending_count; i++) {
        struct pending_pair *known = &state->pending[i];
        if (known->task == pair->task) {
            if (known->segment < pair->segment)
                *known = (struct pending_pair){pair->segment, pair->task, object_id(object)};
            return;
        }
    }
    if (state->pending_count < PENDING_PAIRS)
        state->pending[state->pending_count++] =
            (struct pending_pair){pair->segment, pair->task, object_id(object)};
    else
        clock_learn(thread, pair, 1, object,
                    pc); /* too early: at worst a race is missed, never invented */
}

static void acquire_later(struct thread *thread, struct object *object, uintptr_t pc)
{
    struct access_state *state = access_state_get(thread);
    struct clock_pair pairs[PENDING_PAIRS];
    uint32_t count = clock_read(object, pairs, PENDING_PAIRS);
    for (uint32_t i = 0; state && i < count; i++)
        pending_add(thread, state, &pairs[i], object, pc);
}

static inline uint64_t fence_segment(const struct thread *thread)
{
    return thread->access ? thread->access->fence_segment : 0;
}

EXPORT void __tsan_atomic_thread_fence(int order)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct access_state *state = access_state_get(thread);
    if (state && acquires(order)) {
        for (uint32_t i = 0; i < state->pending_count; i++) {
            struct pending_pair *pair = &state->pending[i];
            clock_acquire_task(thread, pair->task, pair->segment, &object_table[pair->object],
                               RETURN_PC);
        }
        state->pending_count = 0;
    }
    if (state && releases(order))
        state->fence_segment = clock_new_segment(thread);
    thread_leave(thread);
}

EXPORT void __tsan_atomic_signal_fence(int order)
{
    (void)order;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* ---- the halves of an operation ---- */

static void object_acquire(struct thread *thread, struct object *object, int order, uintptr_t pc)
{
    if (acquires(order))
        clock_acquire(thread, object, pc);
    else
        acquire_later(thread, object, pc);
}

/* A load: the object to lock while it is read again, or NULL if what was read carries no clock. */
static struct object *load_begin(struct thread *thread, uintptr_t address, size_t size,
                                 uint32_t kind, uintptr_t pc)
{
    access_record(thread, address, size, kind, pc);
    struct object *object = object_find(thread, address, TRACE_OBJECT_ATOMIC);
    if (object)
        object_lock(object);
    return object;
}

static void load_end(struct thread *thread, struct object *object, int order, uintptr_t pc)
{
    object_acquire(thread, object, order, pc);
    object_unlock(object);
}

/* A relaxed store keeps the release sequence this task itself began, and no other. */
static void store_relaxed(struct thread *thread, struct object *object)
{
    struct clock_pair pairs[PENDING_PAIRS];
    uint32_t count = clock_read(object, pairs, PENDING_PAIRS);
    uint64_t own = fence_segment(thread);
    for (uint32_t i = 0; i < count; i++)
        if (pairs[i].task == thread->task && pairs[i].segment > own)
            own = pairs[i].segment;
    clock_drop(object);
    if (own)
        clock_publish(thread, object, own, false);
}

/* Before a store: returns the object, locked, with its clock as it will be; NULL if there is none and need not be. */
static struct object *store_begin(struct thread *thread, uintptr_t address, size_t size,
                                  uint32_t kind, int order, uintptr_t pc)
{
    access_record(thread, address, size, kind | TRACE_KIND_WRITE, pc);
    bool publishes = releases(order) || fence_segment(thread);
    struct object *object = publishes ? object_get(thread, address, TRACE_OBJECT_ATOMIC)
                                      : object_find(thread, address, TRACE_OBJECT_ATOMIC);
    if (!object)
        return NULL;
    object_lock(object);
    if (releases(order))
        clock_release(thread, object);
    else
        store_relaxed(thread, object);
    return object;
}

/* Before a read-modify-write: its object, locked, or NULL. */
static struct object *rmw_begin(struct thread *thread, uintptr_t address, int order)
{
    bool needs = order_of(order) != __ATOMIC_RELAXED || fence_segment(thread);
    struct object *object = needs ? object_get(thread, address, TRACE_OBJECT_ATOMIC)
                                  : object_find(thread, address, TRACE_OBJECT_ATOMIC);
    if (object)
        object_lock(object);
    return object;
}

/* After it: the clock it read, then the clock it leaves. */
static void rmw_end(struct thread *thread, struct object *object, int order, uintptr_t pc)
{
    object_acquire(thread, object, order, pc);
    uint64_t fence = fence_segment(thread);
    if (!releases(order)) {
        if (fence)
            clock_publish(thread, object, fence, true);
    } else if (acquires(order)) {
        clock_release(thread,
                      object); /* we are after all it held, so our pair alone says as much */
    } else {
        clock_publish(thread, object, thread->segment, true);
        clock_new_segment(thread);
    }
    object_unlock(object);
}

/* A relaxed operation found no object, but one may have been made before it was done: what that one holds by now is
 * remembered for a fence, though it may be more than was there to read. */
static void rmw_late(struct thread *thread, uintptr_t address, uintptr_t pc)
{
    struct object *object = object_find(thread, address, TRACE_OBJECT_ATOMIC);
    if (!object)
        return;
    object_lock(object);
    acquire_later(thread, object, pc);
    object_unlock(object);
}

/* ---- the entry points ---- */

#define WIDTH(bits, type)                                                                         \
    type __tsan_atomic##bits##_load(const volatile type *p, int order);                           \
    EXPORT type __tsan_atomic##bits##_load(const volatile type *p, int order)                     \
    {                                                                                             \
        type value = native_load_##bits(p);                                                       \
        struct thread *thread = thread_enter();                                                   \
        if (!thread)                                                                              \
            return value;                                                                         \
        struct object *object =                                                                   \
            load_begin(thread, (uintptr_t)p, sizeof(type), KIND_ATOMIC(bits), RETURN_PC);         \
        if (object) {                                                                             \
            value = native_load_##bits(p);                                                        \
            load_end(thread, object, order, RETURN_PC);                                           \
        }                                                                                         \
        thread_leave(thread);                                                                     \
        return value;                                                                             \
    }                                                                                             \
    void __tsan_atomic##bits##_store(volatile type *p, type value, int order);                    \
    EXPORT void __tsan_atomic##bits##_store(volatile type *p, type value, int order)              \
    {                                                                                             \
        struct thread *thread = thread_enter();                                                   \
        if (!thread) {                                                                            \
            native_store_##bits(p, value);                                                        \
            return;                                                                               \
        }                                                                                         \
        struct object *object =                                                                   \
            store_begin(thread, (uintptr_t)p, sizeof(type), KIND_ATOMIC(bits), order, RETURN_PC); \
        native_store_##bits(p, value);                                                            \
        if (object)                                                                               \
            object_unlock(object);                                                                \
        thread_leave(thread);                                                                     \
    }                                                                                             \
    static NOINLINE type swap_##bits(volatile type *p, type expected, type value, int order,      \
                                     int failed, uintptr_t pc)                                    \
    {                                                                                             \
        struct thread *thread = thread_enter();                                                   \
        if (!thread)                                                                              \
            return native_swap_##bits(p, expected, value);                                        \
        int either = acquires(failed) && !acquires(order) ? __ATOMIC_SEQ_CST : order;             \
        struct object *object = rmw_begin(thread, (uintptr_t)p, either);                          \
        type old = native_swap_##bits(p, expected, value);                                        \
        uint32_t kind = KIND_ATOMIC(bits) | (old == expected ? TRACE_KIND_WRITE : 0);             \
        access_record(thread, (uintptr_t)p, sizeof(type), kind, pc);                              \
        if (object && old == expected)                                                            \
            rmw_end(thread, object, order, pc);                                                   \
        else if (object)                                                                          \
            load_end(thread, object, failed, pc);                                                 \
        else                                                                                      \
            rmw_late(thread, (uintptr_t)p, pc);                                                   \
        thread_leave(thread);                                                                     \
        return old;                                                                               \
    }                                                                                             \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *p, type expected, type value,  \
                                                    int order, int failed);                       \
    EXPORT type __tsan_atomic##bits##_compare_exchange_val(volatile type *p, type expected,       \
                                                           type value, int order, int failed)     \
    {                                                                                             \
        return swap_##bits(p, expected, value, order, failed, RETURN_PC);                         \
    }                                                                                             \
    SWAP(bits, type, strong)                                                                      \
    SWAP(bits, type, weak)                                                                        \
    ATOMIC_RMWS(RMW, bits, type)

#define SWAP(bits, type, strength)                                                            \
    int __tsan_atomic##bits##_compare_exchange_##strength(volatile type *p, type *expected,   \
                                                          type value, int order, int failed); \
    EXPORT int __tsan_atomic##bits##_compare_exchange_##strength(                             \
        volatile type *p, type *expected, type value, int order, int failed)                  \
    {                                                                                         \
        type wanted = *expected;                                                              \
        type old = swap_##bits(p, wanted, value, order, failed, RETURN_PC);                   \
        if (old == wanted)                                                                    \
            return 1;                                                                         \
        *expected = old;                                                                      \
        return 0;                                                                             \
    }

#define RMW(bits, type, operation)                                                              \
    type __tsan_atomic##bits##_##operation(volatile type *p, type value, int order);            \
    EXPORT type __tsan_atomic##bits##_##operation(volatile type *p, type value, int order)      \
    {                                                                                           \
        struct thread *thread = thread_enter();                                                 \
        if (!thread)                                                                            \
            return native_##operation##_##bits(p, value);                                       \
        access_record(thread, (uintptr_t)p, sizeof(type), KIND_ATOMIC(bits) | TRACE_KIND_WRITE, \
                      RETURN_PC);                                                               \
        struct object *object = rmw_begin(thread, (uintptr_t)p, order);                         \
        type old = native_##operation##_##bits(p, value);                                       \
        if (object)                                                                             \
            rmw_end(thread, object, order, RETURN_PC);                                          \
        else                                                                                    \
            rmw_late(thread, (uintptr_t)p, RETURN_PC);                                          \
        thread_leave(thread);                                                                   \
        return old;                                                                             \
    }

ATOMIC_WIDTHS(WIDTH)
