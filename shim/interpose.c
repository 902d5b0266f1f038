/*
 * The wrappers made from the rows of trace/primitives.def. A row is the whole implementation; what a verb means is in
 * call.c.
 */
#include "shim/call.h"
#include "shim/lock.h"
#include "shim/real.h"

#define VERB(name, before, after, text) enum { BEFORE_##name = (before), AFTER_##name = (after) };
#include "trace/verbs.def"
#undef VERB

#define OK_ZERO(result)   ((result) == 0)
#define OK_LOCKED(result) ((result) == 0 ? 1u : (result) == EOWNERDEAD ? 2u : 0u)
#define OK_SERIAL(result) ((result) == 0 || (result) == PTHREAD_BARRIER_SERIAL_THREAD)
#define OK_ALWAYS(result) ((void)(result), 1u)

#define CALL                                               \
    struct call call __attribute__((cleanup(call_leave))); \
    call.object = call.mutex = NULL;                       \
    call.blocked = call.guarded = call.rejoin = false;     \
    call.stack = 0;                                        \
    call.pc = RETURN_PC;                                   \
    call.frame = (uintptr_t)__builtin_frame_address(0)

#define PROBE(probe, busy) (probe)
#define BUSY(probe, busy)  (busy)

/* A refused clock must be refused by the real function, not hidden by a successful probe. */
static inline bool clock_valid(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
}

/* glibc's trylock leaves a robust mutex locked when it finds it not recoverable; so those are not tried first. */
static inline int mutex_try(pthread_mutex_t *mutex)
{
    return mutex->__data.__kind & 16 ? EBUSY : real.pthread_mutex_trylock(mutex);
}

/* A wait on a semaphore is a cancellation point even if it need not block. */
static inline int sem_try(sem_t *semaphore)
{
    pthread_testcancel();
    return real.sem_trywait(semaphore);
}

static inline void call_block_keep_errno(struct call *call, uint32_t before, int error)
{
    call_block(call, before);
    errno = error;
}

/*
 * The short ways of exclusive locks. A lock that is not free, nor after a moment, goes the long way from the beginning: a
 * try that failed has changed nothing. The call stack is looked at before the lock is taken, while its cache line is on the
 * way, and so that nobody waits for it.
 */
#define TAKES(verb) (AFTER_##verb & VERB_HOLD && !(AFTER_##verb & VERB_SHARED))
#define GIVES(verb) (BEFORE_##verb & VERB_DROP)
#define TRIES(verb) (AFTER_##verb & VERB_TRY)
#define HERE        RETURN_PC, (uintptr_t)__builtin_frame_address(0)
#define WAITS(kind, place) \
    (TRACE_OBJECT_##kind == TRACE_OBJECT_MUTEX && lock_await(thread, known, (uintptr_t)(place)))

#define FAST_LOCK(kind, place, verb, probe)                                                  \
    if (TAKES(verb)) {                                                                       \
        struct object *known;                                                                \
        struct thread *thread = lock_enter(&known, (uintptr_t)(place), TRACE_OBJECT_##kind); \
        if (LIKELY(thread)) {                                                                \
            uint64_t key = TRIES(verb) ? 0 : held_key(thread, known, TRACE_MODE_EXCLUSIVE);  \
            uint32_t stack = stack_here(thread, HERE);                                       \
            bool taken = (PROBE probe) == 0 || (WAITS(kind, place) && (PROBE probe) == 0);   \
            if (LIKELY(taken))                                                               \
                lock_taken(thread, known, key, stack, HERE);                                 \
            thread_leave(thread);                                                            \
            if (LIKELY(taken))                                                               \
                return 0;                                                                    \
        }                                                                                    \
    }

#define FAST_CALL(fn, args, kind, place, verb, ok)                                           \
    if (TAKES(verb) || GIVES(verb)) {                                                        \
        struct object *known;                                                                \
        struct thread *thread = lock_enter(&known, (uintptr_t)(place), TRACE_OBJECT_##kind); \
        if (LIKELY(thread && (TAKES(verb) || lock_plain(thread, known)))) {                  \
            if (GIVES(verb))                                                                 \
                lock_given(thread, known);                                                   \
            int result = (int)(intptr_t)real.fn args;                                        \
            unsigned good = TAKES(verb) ? OK_##ok(result) : 0;                               \
            if (LIKELY(good == 1))                                                           \
                lock_taken(thread, known, 0, 0, HERE); /* a TRYLOCK */                       \
            else if (good)                                                                   \
                call_taken_over(thread, known, HERE);                                        \
            thread_leave(thread);                                                            \
            return result;                                                                   \
        }                                                                                    \
        if (thread)                                                                          \
            thread_leave(thread);                                                            \
    }

#define PRIM(ret, fn, params, args, kind, object, value, verb, ok)                       \
    EXPORT ret fn params;                                                                \
    EXPORT ret fn params                                                                 \
    {                                                                                    \
        LATE(fn);                                                                        \
        FAST_CALL(fn, args, kind, object, verb, ok)                                      \
        CALL;                                                                            \
        if (!call_enter(&call, PRIMITIVE_##fn, TRACE_OBJECT_##kind, (uintptr_t)(object), \
                        (uintptr_t)(value), BEFORE_##verb))                              \
            return real.fn args;                                                         \
        if (BEFORE_##verb & VERB_MAY_BLOCK)                                              \
            call_block(&call, BEFORE_##verb);                                            \
        ret result = real.fn args;                                                       \
        call_return(&call, OK_##ok(result), AFTER_##verb);                               \
        return result;                                                                   \
    }

#define PRIM_VOID(fn, params, args, kind, object, value, verb)                           \
    EXPORT void fn params;                                                               \
    EXPORT void fn params                                                                \
    {                                                                                    \
        LATE(fn);                                                                        \
        CALL;                                                                            \
        if (!call_enter(&call, PRIMITIVE_##fn, TRACE_OBJECT_##kind, (uintptr_t)(object), \
                        (uintptr_t)(value), BEFORE_##verb)) {                            \
            real.fn args;                                                                \
            return;                                                                      \
        }                                                                                \
        real.fn args;                                                                    \
        call_return(&call, 1, AFTER_##verb);                                             \
    }

#define TRY(ret, fn, params, args, kind, object, verb, ok, probe)                           \
    EXPORT ret fn params;                                                                   \
    EXPORT ret fn params                                                                    \
    {                                                                                       \
        FAST_LOCK(kind, object, verb, probe)                                                \
        CALL;                                                                               \
        if (!call_enter(&call, PRIMITIVE_##fn, TRACE_OBJECT_##kind, (uintptr_t)(object), 0, \
                        BEFORE_##verb))                                                     \
            return real.fn args;                                                            \
        int error = errno;                                                                  \
        ret result = PROBE probe;                                                           \
        if (LIKELY(OK_##ok(result))) {                                                      \
            call_return(&call, OK_##ok(result), AFTER_##verb);                              \
            return result;                                                                  \
        }                                                                                   \
        call_block_keep_errno(&call, BEFORE_##verb, error);                                 \
        result = real.fn args;                                                              \
        call_return(&call, OK_##ok(result), AFTER_##verb);                                  \
        return result;                                                                      \
    }

#define COND(ret, fn, params, args, cond, mutex, verb, ok)                                 \
    EXPORT ret fn params;                                                                  \
    EXPORT ret fn params                                                                   \
    {                                                                                      \
        CALL;                                                                              \
        if (!call_wait_enter(&call, PRIMITIVE_##fn, (uintptr_t)(cond), (uintptr_t)(mutex), \
                             BEFORE_##verb))                                               \
            return real.fn args;                                                           \
        call_block(&call, BEFORE_##verb);                                                  \
        ret result = real.fn args;                                                         \
        call_wait_return(&call, result != EINVAL && result != EPERM);                      \
        return result;                                                                     \
    }

#include "trace/primitives.def"
