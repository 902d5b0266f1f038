/*
 * Waits for signals: sigwait and its kin, pause, sigsuspend. What was done before a signal was sent is before whoever takes
 * it. Nobody is ever said to be stuck in such a wait: signals come from anywhere.
 */
#include <signal.h>
#include <unistd.h>

#include "shim/call.h"
#include "shim/fd.h"
#include "shim/outside.h"
#include "shim/real.h"
#include "shim/signal.h"

#define CALL                                                  \
    struct call call __attribute__((cleanup(call_leave))) = { \
        .pc = RETURN_PC, .frame = (uintptr_t)__builtin_frame_address(0)}

static void begin(struct call *call, uint32_t primitive, uint32_t timed)
{
    if (!fd_alone() && call_enter(call, primitive, TRACE_OBJECT_SIGNAL, signal_address(0), 0, 0))
        call_block(call, VERB_MAY_BLOCK | timed);
}

/* `taken`: the signal's number, not positive if there was none. */
static void end(struct call *call, int taken)
{
    if (!call->thread)
        return;
    call_return(call, 0, 0);
    if (shim_state == SHIM_ON)
        signal_take(call->thread, taken, call->pc);
    if (shim_state == SHIM_ON)
        outside_learns(call->thread);
}

#define SIGNAL_WAIT(fn, params, args, timed, taken) \
    EXPORT int fn params                            \
    {                                               \
        LATE(fn);                                   \
        CALL;                                       \
        begin(&call, PRIMITIVE_##fn, timed);        \
        int result = real.fn args;                  \
        end(&call, taken);                          \
        return result;                              \
    }

SIGNAL_WAIT(sigwait, (const sigset_t *restrict set, int *restrict number), (set, number), 0,
            result ? 0 : *number)
SIGNAL_WAIT(sigwaitinfo, (const sigset_t *restrict set, siginfo_t *restrict info), (set, info), 0,
            result)
SIGNAL_WAIT(sigtimedwait,
            (const sigset_t *restrict set, siginfo_t *restrict info,
             const struct timespec *restrict timeout),
            (set, info, timeout), timeout ? VERB_TIMED : 0, result)
SIGNAL_WAIT(sigsuspend, (const sigset_t *mask), (mask), 0, 0)
SIGNAL_WAIT(pause, (void), (), 0, 0)
