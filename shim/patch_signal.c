/*
 * Signals and patched code. A handler may be entered anywhere in a check, in a stub, or in the slow path where the guard
 * is just down. It shall see the program's own registers and pc, it may change them, unwind from there, or leave by
 * siglongjmp; and its own patched code uses the same words for what a check spills.
 *
 * So the handler is shown what patch_rewind() makes of the registers, and the program then goes on at the start of the
 * check: nothing of the program had changed there, and a check may be run twice. Where the handler puts another pc (a
 * garbage collector, a debugger), it goes on at the copy of that. What the interrupted check had spilled thus is not
 * needed again. Only if patch_rewind() found nothing to rewind may the interrupted code be the C library, called by the
 * slow path of a check; then the words of that check are put back.
 *
 * Unwinders that begin in a handler (asynchronous cancellation among them) find the pc of the original code, and so its
 * frame descriptions and landing pads: copies need none of their own.
 */
#include "shim/patch_signal.h"

#include <sys/ucontext.h>

#include "shim/banned.h"
#include "shim/patch_access.h"

#define RETURN_BYTES 9u /* mov $15, %rax; syscall */

extern const uint8_t __start_gorocheck_signal[] __attribute__((weak, visibility("hidden")));
extern const uint8_t __stop_gorocheck_signal[] __attribute__((weak, visibility("hidden")));

uintptr_t patch_signal_return;

/* At the beginning or the end of a handler's entry, which this signal has interrupted. */
static bool entering(uintptr_t pc)
{
    return (pc >= (uintptr_t)__start_gorocheck_signal && pc < (uintptr_t)__stop_gorocheck_signal) ||
           pc - patch_signal_return < RETURN_BYTES;
}

void patch_show(struct patch_view *view, struct thread *thread, void *context,
                const struct patch_frame *frame)
{
    view->on = patch_on;
    if (!view->on)
        return;
    long long *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    bool abandoned = patch_access_abandon(thread);
    patch_words_forget();     /* one may be of the check that is interrupted */
    patch_thread.context = 0; /* the handler's accesses are made elsewhere */
    view->words = patch_thread;
    view->resume = entering((uintptr_t)registers[REG_RIP]) ? 0 : patch_rewind(registers, frame);
    view->shown = (uintptr_t)registers[REG_RIP];
    if (abandoned)
        view->resume = patch_copy(view->shown); /* both halves of the operation once more */
}

bool patch_back(const struct patch_view *view, void *context)
{
    if (!view->on)
        return true;
    patch_thread.context = 0;
    long long *pc = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    if ((uintptr_t)*pc == view->shown) {
        if (view->resume)
            *pc = (long long)view->resume;
        else
            patch_thread = view->words;
        return !view->resume;
    }
    uintptr_t copy = patch_copy((uintptr_t)*pc);
    if (copy)
        *pc = (long long)copy;
    return false;
}

void patch_die(struct thread *thread, void *context)
{
    struct patch_view view;
    struct patch_frame *frame = patch_thread.frame;
    patch_thread.frame = NULL;
    patch_show(&view, thread, context, frame);
}
