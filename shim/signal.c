/*
 * Signals. Every handler of the host is entered through ours. If the guard is up, the handler may not run now: all signals
 * are blocked on return, this one is sent again to the same thread when the guard comes down (thread_deliver), with its
 * siginfo, and the mask is put back. Faults of the host's own making (a bad mutex passed to us) are not put off.
 *
 * Order: installing a handler and sending a signal are before the handler runs.
 *
 * Fatal signals that the host leaves at their default are ours once there is more than one task: the record ends there and
 * the report is made; then the process dies as it would have (or exits with the status for findings). The host keeps
 * seeing SIG_DFL.
 */
#include "shim/signal.h"

#include <signal.h>
#include <sys/mman.h>

#include "shim/access_state.h"
#include "shim/clock.h"
#include "shim/conduit.h"
#include "shim/end.h"
#include "shim/object.h"
#include "shim/options.h"
#include "shim/outside.h"
#include "shim/patch_access.h"
#include "shim/patch_signal.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/task.h"

#define SIGNALS          65
#define SA_RESTORER_FLAG 0x04000000

static struct sigaction
    host_actions[SIGNALS]; /* as the host set them, where ours stands in the kernel */
static volatile uint8_t ours[SIGNALS];
static volatile uint32_t fatal_watched;

static __thread siginfo_t deferred_info;
static __thread uint64_t deferred_mask;

static void signal_entry(int number, siginfo_t *info, void *context);
static void signal_fatal(int number, siginfo_t *info, void *context);

#define BIT(number) (UINT64_C(1) << ((number)-1))
#define FAULTS      (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP))

static bool fault(int number, const siginfo_t *info)
{
    return FAULTS & BIT(number) && info->si_code > 0;
}

/* To this thread, which blocks it. The kernel may have reset its handler, which has not run yet. */
static void send_again(const siginfo_t *info)
{
    if (host_actions[info->si_signo].sa_flags & (int)SA_RESETHAND && ours[info->si_signo]) {
        struct sigaction again = host_actions[info->si_signo];
        again.sa_sigaction = signal_entry;
        again.sa_flags |= SA_SIGINFO;
        int error = errno;
        real.sigaction(info->si_signo, &again, NULL);
        errno = error;
    }
    raw4(SYS_rt_tgsigqueueinfo, raw0(SYS_getpid), raw0(SYS_gettid), info->si_signo, info);
}

/*
 * With all signals blocked in this thread until thread_deliver. Several may come at once, each entry interrupting the one
 * before at its beginning, or anywhere here: the first to arrive here is kept, the others wait in the kernel from now on.
 * The mask to come back to is that of the outermost, which is part of all others. Faults stay as they are: the program's own
 * instruction may come to one with the guard up (patch_access.c), and a fault that is blocked is the end. (Sent by somebody,
 * they wait like others.)
 */
static void put_off(struct thread *thread, const siginfo_t *info, void *context)
{
    uint64_t *mask = (uint64_t *)&((ucontext_t *)context)->uc_sigmask, all = ~UINT64_C(0);
    uint64_t most = all & ~(FAULTS & ~*mask);
    /* In one step: another signal may come behind it. */
    if (!__atomic_exchange_n(&thread->deferred, 1, __ATOMIC_ACQUIRE)) {
        deferred_info = *info;
        deferred_mask = *mask;
    } else {
        raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
        send_again(info);
        deferred_mask &= *mask;
        most |= BIT(info->si_signo);
    }
    *mask = most;
}

bool signal_put_off(const void *info, void *context)
{
    struct thread *thread = thread_current;
    if ((uintptr_t)thread <= 1 || shim_state != SHIM_ON || !thread->busy)
        return false;
    put_off(thread, info, context);
    return true;
}

void thread_deliver(struct thread *thread)
{
    siginfo_t info = deferred_info;
    uint64_t mask = deferred_mask;
    thread->deferred = 0;
    send_again(&info);
    raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

uintptr_t signal_address(int number)
{
    return (uintptr_t)&host_actions[number];
}

static struct object *signal_object(struct thread *thread, int number)
{
    struct object *object = object_get(thread, signal_address(number), TRACE_OBJECT_SIGNAL);
    if (object)
        object->shown.value = number;
    return object;
}

/* What the kernel would call. It looks at no flag for that: Go's runtime ignores signals with SA_SIGINFO set. */
static bool is_handler(const struct sigaction *action)
{
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

bool signal_handled(void)
{
    for (int number = 1; number < SIGNALS; number++)
        if (ours[number] && is_handler(&host_actions[number]))
            return true;
    return false;
}

/* What was put off came before this fault, which found the guard up and took it down: it comes now, in the handler, unless
 * that blocks it; and blocks no more than it does. */
static void deliver_within(struct thread *thread, int number, const struct sigaction *action,
                           void *context)
{
    siginfo_t info = deferred_info;
    uint64_t *outer = (uint64_t *)&((ucontext_t *)context)->uc_sigmask;
    *outer &= deferred_mask; /* (or it was put off at the beginning of this handler) */
    thread->deferred = 0;
    send_again(&info);
    uint64_t mask = *outer | *(const uint64_t *)&action->sa_mask;
    if (!(action->sa_flags & (int)SA_NODEFER))
        mask |= BIT(number);
    raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

static bool host_call(int number, siginfo_t *info, void *context, const struct patch_frame *frame)
{
    struct thread *thread = thread_current;
    struct patch_view view;
    struct shadow_view shadow;
    struct sigaction action = host_actions[number];
    if (action.sa_flags & (int)SA_RESETHAND) {
        ours[number] = 0;
        host_actions[number].sa_handler = SIG_DFL;
    }
    patch_show(&view, thread, context, frame);
    if ((uintptr_t)thread > THREAD_NONE && thread->deferred && !thread->busy)
        deliver_within(thread, number, &action, context);
    shadow_show(&shadow);
    if (!is_handler(&action))
        ; /* set meanwhile, by another thread */
    else if (action.sa_flags & SA_SIGINFO)
        action.sa_sigaction(number, info, context);
    else
        action.sa_handler(number);
    shadow_back(&shadow);
    return patch_back(&view, context);
}

/* Whether what was interrupted goes on where it was, in the slow path with `frame` if that is not NULL. */
static __attribute__((noinline)) bool host_enter(int number, siginfo_t *info, void *context,
                                                 const struct patch_frame *frame)
{
    struct thread *thread = thread_current;
    if ((uintptr_t)thread <= 1 || shim_state != SHIM_ON)
        return host_call(number, info, context, frame);
    if (thread->busy && !fault(number, info)) {
        put_off(thread, info, context);
        return true;
    }
    if (thread->busy && patch_access_holds()) /* the host's own, between our two halves */
        return host_call(number, info, context, frame);
    uint32_t busy = thread->busy;
    thread->busy = 1;
    struct object *object = signal_object(thread, number);
    if (object) {
        clock_take(thread, object, (uintptr_t)host_actions[number].sa_sigaction);
    }
    outside_learns(thread);
    thread_leave(thread); /* the handler may do anything, also leave by siglongjmp */
    bool goes_on = host_call(number, info, context, frame);
    if (busy)
        thread->busy = busy;
    return goes_on;
}

PATCH_SIGNAL_ENTRY static void signal_entry(int number, siginfo_t *info, void *context)
{
    struct patch_frame *frame = patch_frame_take();
    patch_frame_give(host_enter(number, info, context, frame) ? frame : NULL);
}

void signal_take(struct thread *thread, int number, uintptr_t pc)
{
    if (number <= 0 || number >= SIGNALS)
        return;
    struct object *object = object_find(thread, signal_address(number), TRACE_OBJECT_SIGNAL);
    if (!object)
        return;
    clock_take(thread, object, pc);
}

/* Which signals were read from a signalfd is in the bytes: what was done before any was sent. */
void signal_learn(struct thread *thread, uintptr_t pc)
{
    for (int number = 1; number < SIGNALS; number++)
        signal_take(thread, number, pc);
}

/* What was done so far is before the handler of `number`. */
static void signal_release(int number)
{
    if (number <= 0 || number >= SIGNALS)
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    thread->events++;
    struct object *object = signal_object(thread, number);
    if (object)
        clock_release_join(thread, object);
    conduit_others_put(thread);
    outside_tells(thread);
    thread_leave(thread);
}

/* ---- the host's view ---- */

static bool fatal_by_default(int number)
{
    static const uint8_t numbers[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGILL,   SIGTRAP,   SIGABRT,
                                      SIGBUS,  SIGFPE,  SIGUSR1, SIGSEGV,  SIGUSR2,   SIGPIPE,
                                      SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ,  SIGVTALRM, SIGPROF,
                                      SIGIO,   SIGPWR,  SIGSYS,  SIGSTKFLT};
    for (size_t i = 0; i < sizeof numbers; i++)
        if (numbers[i] == number)
            return true;
    return number >= SIGRTMIN && number <= SIGRTMAX;
}

static void watch(int number)
{
    struct sigaction action = {.sa_sigaction = signal_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    raw_zero(&host_actions[number], sizeof host_actions[number]);
    __builtin_memset(&action.sa_mask, 0xff, sizeof action.sa_mask);
    if (real.sigaction(number, &action, NULL) == 0)
        ours[number] = 2;
}

static bool default_now(int number)
{
    struct sigaction now;
    return real.sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

void signal_watch_fatal(void)
{
    if (fatal_watched || !shim_options.report)
        return;
    fatal_watched = 1;
    int error = errno;
    for (int number = 1; number < SIGNALS; number++)
        if (fatal_by_default(number) && default_now(number))
            watch(number);
    errno = error;
}

static void signal_fatal(int number, siginfo_t *info, void *context)
{
    struct thread *thread = thread_current;
    if (!end_ours()) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        real.sigaction(number, &action, NULL);
        raw3(SYS_tgkill, raw0(SYS_getpid), raw0(SYS_gettid), number);
        return;
    }
    if ((uintptr_t)thread > 1 && thread->busy && !fault(number, info)) {
        put_off(thread, info, context);
        return;
    }
    int status = end_process(TRACE_END_SIGNAL, number);
    if (status >= 0)
        raw1(SYS_exit_group, status);
    struct sigaction action = {.sa_handler = SIG_DFL};
    real.sigaction(number, &action, NULL);
    if (fault(number, info)) /* it comes again by itself, with its own siginfo */
        patch_die(thread, context);
    else
        raw4(SYS_rt_tgsigqueueinfo, raw0(SYS_getpid), raw0(SYS_gettid), number, info);
}

EXPORT int sigaction(int number, const struct sigaction *restrict new,
                     struct sigaction *restrict old)
{
    shim_awake();
    if (number <= 0 || number >= SIGNALS || !end_ours())
        return real.sigaction(number, new, old);
    struct sigaction before = host_actions[number];
    uint8_t standing = ours[number];
    struct sigaction wanted, found;
    if (new) {
        wanted = *new;
        if (is_handler(&wanted)) {
            signal_release(number);
            host_actions[number] = wanted;
            wanted.sa_sigaction = signal_entry;
            wanted.sa_flags |= SA_SIGINFO;
            ours[number] = 1;
        } else if (wanted.sa_handler == SIG_DFL && fatal_watched && fatal_by_default(number)) {
            wanted = (struct sigaction){.sa_sigaction = signal_fatal,
                                        .sa_flags = SA_SIGINFO | SA_ONSTACK};
            __builtin_memset(&wanted.sa_mask, 0xff, sizeof wanted.sa_mask);
            host_actions[number] = *new;
            ours[number] = 2;
        } else {
            ours[number] = 0;
        }
    }
    int result = real.sigaction(number, new ? &wanted : NULL, &found);
    if (result != 0) {
        host_actions[number] = before;
        ours[number] = standing;
        return result;
    }
    if (!old)
        return 0;
    bool is_ours = (found.sa_flags & SA_SIGINFO) &&
                   (found.sa_sigaction == signal_entry || found.sa_sigaction == signal_fatal);
    *old = is_ours ? before : found;
    if (is_ours && standing == 1)
        old->sa_flags |= SA_RESTORER_FLAG; /* the C library adds it, and shows it */
    return 0;
}

EXPORT sighandler_t signal(int number, sighandler_t handler)
{
    struct sigaction new = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
    shim_awake();
    sigemptyset(&new.sa_mask);
    sigaddset(&new.sa_mask, number);
    if (handler == SIG_ERR || number <= 0 || number >= SIGNALS)
        return real.signal(number, handler);
    if (sigaction(number, &new, &old) < 0)
        return SIG_ERR;
    return old.sa_handler;
}

/* Other names of it, and the way of System V: once, and not blocked meanwhile. */
sighandler_t bsd_signal(int number, sighandler_t handler);
EXPORT sighandler_t bsd_signal(int number, sighandler_t handler)
{
    return signal(number, handler);
}

EXPORT sighandler_t ssignal(int number, sighandler_t handler)
{
    return signal(number, handler);
}

EXPORT sighandler_t sysv_signal(int number, sighandler_t handler)
{
    struct sigaction new = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND | SA_NODEFER}, old;
    sigemptyset(&new.sa_mask);
    if (handler == SIG_ERR || number <= 0 || number >= SIGNALS) {
        errno = EINVAL;
        return SIG_ERR;
    }
    return sigaction(number, &new, &old) < 0 ? SIG_ERR : old.sa_handler;
}

/* What signal() is called where a program asks for plain C. */
sighandler_t __sysv_signal(int number, sighandler_t handler);
EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler)
{
    return sysv_signal(number, handler);
}

/* X/Open's: the signal is open afterwards; SIG_HOLD blocks it, and is what one was that was blocked. */
EXPORT sighandler_t sigset(int number, sighandler_t handler)
{
    struct sigaction new = {.sa_handler = handler}, old;
    bool hold = handler == SIG_HOLD;
    sigset_t one, mask;
    sigemptyset(&one);
    sigemptyset(&new.sa_mask);
    if (handler == SIG_ERR || sigaddset(&one, number) != 0) {
        errno = EINVAL;
        return SIG_ERR;
    }
    if (sigaction(number, hold ? NULL : &new, &old) != 0 ||
        sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &one, &mask) != 0)
        return SIG_ERR;
    return sigismember(&mask, number) ? SIG_HOLD : old.sa_handler;
}

EXPORT int pthread_kill(pthread_t handle, int number)
{
    signal_release(number);
    return real.pthread_kill(handle, number);
}

EXPORT int pthread_sigqueue(pthread_t handle, int number, const union sigval value)
{
    signal_release(number);
    return real.pthread_sigqueue(handle, number, value);
}

EXPORT int kill(pid_t pid, int number)
{
    signal_release(number);
    return real.kill(pid, number);
}

EXPORT int sigqueue(pid_t pid, int number, const union sigval value)
{
    signal_release(number);
    return real.sigqueue(pid, number, value);
}

EXPORT int raise(int number)
{
    signal_release(number);
    return real.raise(number);
}
