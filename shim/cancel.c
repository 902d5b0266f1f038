/*
 * Asynchronous cancellation. The C library does it by a signal of its own, whose handler no program sees: it unwinds from
 * wherever the thread was, which may be a copy of patched code, that no unwinder knows, or the middle of the recorder.
 * So its handler is entered through ours as any other: put off while the guard is up, and shown the program's own pc.
 *
 * The library installs that handler at the first pthread_cancel, and there is no other way to its address; so the first
 * thread that asks for asynchronous cancellation makes a helper that cannot be cancelled, and cancels it.
 */
#include <limits.h>
#include <pthread.h>

#include "shim/patch_signal.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/signal.h"
#include "shim/thread.h"

#define SIGCANCEL 32 /* the first of those that libc keeps to itself */

struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static void (*library_handler)(int, siginfo_t *, void *);

static __attribute__((noinline)) bool cancel_call(int number, siginfo_t *info, void *context,
                                                  const struct patch_frame *frame)
{
    struct patch_view view;
    if (signal_put_off(info, context))
        return true;
    patch_show(&view, thread_current, context, frame);
    library_handler(number, info, context); /* it does not come back if the thread is cancelled */
    return patch_back(&view, context);
}

PATCH_SIGNAL_ENTRY static void cancel_entry(int number, siginfo_t *info, void *context)
{
    struct patch_frame *frame = patch_frame_take();
    patch_frame_give(cancel_call(number, info, context, frame) ? frame : NULL);
}

/* Waits until it may end. */
static void *helper(void *data)
{
    int *word = data;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    __atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
    raw6(SYS_futex, (long)word, 1 /* FUTEX_WAKE */, 1, 0, 0, 0);
    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) != 2)
        raw6(SYS_futex, (long)word, 0 /* FUTEX_WAIT */, 1, 0, 0, 0);
    return NULL;
}

static void library_install(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    int word = 0, state;
    uint64_t all = SIGNALS_OF_PROGRAM, mask;
    if (pthread_attr_init(&attributes) != 0)
        return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state); /* joining would be a point of it */
    pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN + 65536);
    raw4(SYS_rt_sigprocmask, SIG_BLOCK, &all, &mask, 8);
    if (real.pthread_create(&thread, &attributes, helper, &word) == 0) {
        while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != 1)
            raw6(SYS_futex, (long)&word, 0, 0, 0, 0, 0);
        real.pthread_cancel(thread);
        __atomic_store_n(&word, 2, __ATOMIC_SEQ_CST);
        raw6(SYS_futex, (long)&word, 1, 1, 0, 0, 0);
        real.pthread_join(thread, NULL);
    }
    raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
    pthread_setcancelstate(state, NULL);
    pthread_attr_destroy(&attributes);
}

static void cancel_watch(void)
{
    static volatile uint32_t watched;
    struct kernel_action action;
    if (watched || __atomic_exchange_n(&watched, 1, __ATOMIC_SEQ_CST))
        return;
    struct thread *thread = thread_enter(); /* the helper's memory is nothing of the program's */
    int error = errno;
    library_install();
    if (raw4(SYS_rt_sigaction, SIGCANCEL, NULL, &action, 8) == 0 && (uintptr_t)action.handler > 1 &&
        action.flags & SA_SIGINFO) {
        library_handler = action.handler;
        action.handler = cancel_entry;
        raw4(SYS_rt_sigaction, SIGCANCEL, &action, NULL, 8);
    }
    errno = error;
    if (thread)
        thread_leave(thread);
}

EXPORT int pthread_setcanceltype(int type, int *old)
{
    shim_awake();
    if (type == PTHREAD_CANCEL_ASYNCHRONOUS && shim_state == SHIM_ON)
        cancel_watch();
    return real.pthread_setcanceltype(type, old);
}
