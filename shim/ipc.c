/*
 * What tasks wait for outside of descriptors and pthread: System V queues and semaphore sets, found by their ids, and the
 * futex called by syscall(). A queue or set may be another process's too: no task is ever said to be stuck at one.
 *
 * A futex call is order only in so far as it woke somebody; what programs build of it is ordered by its atomics, which are
 * exact where the code is instrumented. A word that was requeued to another one is woken there: from the first requeue on
 * all futexes are taken for one.
 */
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "shim/call.h"
#include "shim/clock.h"
#include "shim/conduit.h"
#include "shim/fd.h"
#include "shim/patch_access.h"
#include "shim/real.h"
#include "shim/touch.h"

#define CALL                                                  \
    struct call call __attribute__((cleanup(call_leave))) = { \
        .pc = RETURN_PC, .frame = (uintptr_t)__builtin_frame_address(0)}

/* A wrapper by the verbs' functions (call.c) on an object that is not the process's own. */
static bool begin(struct call *call, uint32_t primitive, uint32_t kind, uintptr_t address,
                  uint32_t before, bool waits)
{
    if (fd_alone() || !call_enter(call, primitive, kind, address, 0, before))
        return false;
    call->object->shown.flags |= TRACE_OBJECT_SHARED;
    if (waits)
        call_block(call, before);
    return true;
}

static void end(struct call *call, bool good)
{
    if (call->thread)
        call_return(call, good, VERB_ACQUIRE);
}

EXPORT int msgsnd(int queue, const void *message, size_t size, int flags)
{
    LATE(msgsnd);
    uintptr_t pc = RETURN_PC;
    if (recorded(pc))
        READ(message, sizeof(long) + size)
    CALL;
    begin(&call, PRIMITIVE_msgsnd, TRACE_OBJECT_QUEUE, CONDUIT_KEY(CONDUIT_SYSTEM, queue),
          VERB_RELEASE_JOIN | VERB_MAY_BLOCK, !(flags & IPC_NOWAIT));
    int result = real.msgsnd(queue, message, size, flags);
    end(&call, false);
    return result;
}

EXPORT ssize_t msgrcv(int queue, void *message, size_t size, long type, int flags)
{
    LATE(msgrcv);
    uintptr_t pc = RETURN_PC;
    CALL;
    begin(&call, PRIMITIVE_msgrcv, TRACE_OBJECT_QUEUE, CONDUIT_KEY(CONDUIT_SYSTEM, queue),
          VERB_MAY_BLOCK, !(flags & IPC_NOWAIT));
    ssize_t result = real.msgrcv(queue, message, size, type, flags);
    end(&call, result >= 0);
    if (result >= 0 && recorded(pc))
        WRITE(message, sizeof(long) + (size_t)result)
    return result;
}

static bool operations_wait(const struct sembuf *operations, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (operations[i].sem_op <= 0 && !(operations[i].sem_flg & IPC_NOWAIT))
            return true;
    return false;
}

/* One clock for the whole set: an operation may take from one semaphore and give to another. */
#define SEMOP(fn, params, args, timed)                                                           \
    EXPORT int fn params                                                                         \
    {                                                                                            \
        LATE(fn);                                                                                \
        CALL;                                                                                    \
        begin(&call, PRIMITIVE_##fn, TRACE_OBJECT_SEMSET, CONDUIT_KEY(CONDUIT_SYSTEM, set),      \
              VERB_RELEASE_JOIN | VERB_MAY_BLOCK | (timed), operations_wait(operations, count)); \
        int result = real.fn args;                                                               \
        end(&call, result == 0);                                                                 \
        return result;                                                                           \
    }

SEMOP(semop, (int set, struct sembuf *operations, size_t count), (set, operations, count), 0)
SEMOP(semtimedop,
      (int set, struct sembuf *operations, size_t count, const struct timespec *timeout),
      (set, operations, count, timeout), timeout ? VERB_TIMED : 0u)

/* ---- futex ---- */

static volatile bool requeued;

static uintptr_t futex_key(uintptr_t word)
{
    return requeued ? CONDUIT_KEY(CONDUIT_SYSTEM, 0) : word;
}

static long futex(const long a[6], struct call *call)
{
    uintptr_t word = (uintptr_t)a[0];
    long command = a[1] & FUTEX_CMD_MASK;
    bool shared = !(a[1] & FUTEX_PRIVATE_FLAG);
    if (command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE ||
        command == FUTEX_CMP_REQUEUE_PI || command == FUTEX_WAIT_REQUEUE_PI)
        requeued = true;
    bool waits = command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET ||
                 command == FUTEX_LOCK_PI || command == FUTEX_LOCK_PI2 ||
                 command == FUTEX_WAIT_REQUEUE_PI;
    bool timed = waits && a[3];
    if (!fd_alone() && call_enter(call, PRIMITIVE_syscall, TRACE_OBJECT_FUTEX, futex_key(word), 0,
                                  waits ? 0 : VERB_RELEASE_JOIN | VERB_WAKE)) {
        if (shared)
            call->object->shown.flags |= TRACE_OBJECT_SHARED;
        patch_mark(word, sizeof(uint32_t));
        /* Go's runtime sleeps like this for a goroutine that has said already what it waits for. */
        if (waits && call->thread->record->state == TRACE_TASK_BLOCKED)
            call_pause(call);
        else if (waits)
            call_block(call, VERB_MAY_BLOCK | (timed ? VERB_TIMED : 0));
    }
    long result = real.syscall(SYS_futex, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (call->thread)
        call_return(call, waits && (result == 0 || errno == EAGAIN), VERB_ACQUIRE);
    return result;
}

/* Six words are passed on whatever the call takes, as the C library's own function does. */
EXPORT long syscall(long number, ...)
{
    LATE(syscall);
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(rest, long);
    va_end(rest);
    if (number != SYS_futex)
        return real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    CALL;
    return futex(a, &call);
}
