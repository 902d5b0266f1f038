/*
 * What passes unseen (outside.h): the rows of outside.def, and system calls made past the C library.
 */
#ifndef __NO_INLINE__
#define __NO_INLINE__ 1 /* getline, getchar and their kin are defined here, not inlined */
#endif

#include "shim/outside.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <wchar.h>

#include "shim/access.h"
#include "shim/access_state.h"
#include "shim/arguments.h"
#include "shim/bytes.h"
#include "shim/clock.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/touch.h"
#include "trace/codec.h"

/*
 * Who has told something in this segment has told all of it, and who has learned something since the last time that
 * anybody told learns nothing new: so who prints much or reads by the byte pays a few comparisons.
 */
static volatile uint32_t tellings; /* counted before the call that tells */

static bool has_told(const struct thread *thread)
{
    return thread->told_segment == thread->segment && thread->told_task == thread->task;
}

static bool has_learned(const struct thread *thread)
{
    return thread->learned == tellings && thread->learned_task == thread->task;
}

static void touch(struct thread *thread, uint32_t kind)
{
    access_record(thread, TRACE_OUTSIDE, 1, TRACE_KIND_ATOMIC | kind, (uintptr_t)touch);
}

void outside_tells(struct thread *thread)
{
    if (!access_on || access_alone() || has_told(thread))
        return;
    touch(thread, TRACE_KIND_WRITE);
    thread->told_segment = thread->segment;
    thread->told_task = thread->task;
    __atomic_fetch_add(&tellings, 1, __ATOMIC_SEQ_CST);
}

void outside_learns(struct thread *thread)
{
    if (!access_on || access_alone() || has_learned(thread))
        return;
    thread->learned = tellings;
    thread->learned_task = thread->task;
    clock_new_segment(thread);
    touch(thread, 0);
}

/* Nobody sees it: without the guard. */
static inline bool is_thread(const struct thread *thread)
{
    return (uintptr_t)thread > THREAD_NONE;
}

void outside_tell(void)
{
    if (!access_on || access_alone() || (is_thread(thread_current) && has_told(thread_current)))
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    outside_tells(thread);
    thread_leave(thread);
}

void outside_learn(void)
{
    if (!access_on || access_alone() || (is_thread(thread_current) && has_learned(thread_current)))
        return;
    int error = errno;
    struct thread *thread = thread_enter();
    if (thread) {
        outside_learns(thread);
        thread_leave(thread);
    }
    errno = error;
}

#define FIND(fn)                      \
    if (__builtin_expect(!its.fn, 0)) \
    *(void **)(void *)&its.fn = real_late(#fn)
#define OUTSIDE(what, ret, fn, params, args)      ret(*fn) params;
#define OUTSIDE_VOID(what, fn, params, args)      void(*fn) params;
#define TOUCHES(what, ret, fn, params, args, ...) OUTSIDE(what, ret, fn, params, args)
static struct {
    void *(*shmat)(int id, const void *address, int flags);
#include "shim/outside.def"
} its;
#undef OUTSIDE
#undef OUTSIDE_VOID

void outside_find(void *find(const char *name))
{
#define OUTSIDE(what, ret, fn, params, args) *(void **)(void *)&its.fn = find(#fn);
#define OUTSIDE_VOID(what, fn, params, args) *(void **)(void *)&its.fn = find(#fn);
#include "shim/outside.def"
#undef OUTSIDE
#undef OUTSIDE_VOID
}

/* ---- shared memory ---- */

static volatile bool inherits; /* memory that a fork child would share */

static void process_has(uint32_t flag)
{
    if (shim_state == SHIM_ON)
        __atomic_fetch_or(&process_record()->flags, flag, __ATOMIC_RELAXED);
}

void outside_shares(bool by_fork)
{
    if (by_fork)
        inherits = true;
    else
        process_has(TRACE_PROCESS_SHARES);
}

void outside_forks(void)
{
    outside_tell();
    if (inherits)
        process_has(TRACE_PROCESS_SHARES);
}

void *shmat(int id, const void *address, int flags);
EXPORT void *shmat(int id, const void *address, int flags)
{
    FIND(shmat);
    process_has(TRACE_PROCESS_SHARES);
    return its.shmat(id, address, flags);
}

/* ---- the C library's functions ---- */

static inline void learned(const uint32_t *what)
{
    if (*what & LEARNS)
        outside_learn();
}

/* What was learned is noted when the scope is left: some functions have no result. */
#define OUTSIDE_BEGIN(what, fn)                                         \
    FIND(fn);                                                           \
    __attribute__((cleanup(learned), unused)) const uint32_t is = what; \
    if (is & TELLS)                                                     \
    outside_tell()
#define OUTSIDE(what, ret, fn, params, args) \
    EXPORT ret fn params;                    \
    EXPORT ret fn params                     \
    {                                        \
        OUTSIDE_BEGIN(what, fn);             \
        return its.fn args;                  \
    }
#define OUTSIDE_VOID(what, fn, params, args) \
    EXPORT void fn params;                   \
    EXPORT void fn params                    \
    {                                        \
        OUTSIDE_BEGIN(what, fn);             \
        its.fn args;                         \
    }
#undef TOUCHES
#define LENGTH(s) length_of(s, SIZE_MAX)
#define TOUCHES(what, ret, fn, params, args, before, after) \
    EXPORT ret fn params;                                   \
    EXPORT ret fn params                                    \
    {                                                       \
        uintptr_t pc = RETURN_PC;                           \
        bool seen = recorded(pc);                           \
        FIND(fn);                                           \
        if ((what)&TELLS)                                   \
            outside_tell();                                 \
        if (seen) {                                         \
            before;                                         \
        }                                                   \
        ret result = its.fn args;                           \
        if ((what)&LEARNS)                                  \
            outside_learn();                                \
        if (seen) {                                         \
            after;                                          \
        }                                                   \
        return result;                                      \
    }
#include "shim/outside.def"

/* ---- past the C library ---- */

static uint32_t what_it_does(long number)
{
    switch (number) {
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_kill:
    case SYS_tkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
    case SYS_pidfd_send_signal:
    case SYS_mprotect:
    case SYS_unlink:
    case SYS_close:
    case SYS_timer_settime:
    case SYS_exit:
        return TELLS;
    case SYS_read:
    case SYS_readv:
    case SYS_pread64:
    case SYS_preadv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_rt_sigtimedwait:
    case SYS_wait4:
    case SYS_waitid:
        return LEARNS;
    case SYS_tgkill: /* learns whether a thread is still there */
    case SYS_ioctl:
    case SYS_io_uring_enter:
    case SYS_splice:
    case SYS_rename:
    case SYS_link:
    case SYS_mkdir:
    case SYS_semtimedop:
    case SYS_semop:
        return TELLS | LEARNS;
    default:
        return 0;
    }
}

void outside_system_before(long number)
{
    if (number == SYS_io_uring_setup || number == SYS_io_uring_enter) /* of liburing's own code */
        process_has(TRACE_PROCESS_IO_URING);
    if (what_it_does(number) & TELLS)
        outside_tell();
}

void outside_system_after(long number)
{
    if (what_it_does(number) & LEARNS)
        outside_learn();
}
