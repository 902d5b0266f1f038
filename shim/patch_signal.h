/* Signal handlers of the host around patched code: see patch_signal.c. Any context, no lock. */
#ifndef SHIM_PATCH_SIGNAL_H
#define SHIM_PATCH_SIGNAL_H

#include "shim/patch.h"

struct patch_view {
    bool on;
    uintptr_t
        resume; /* where the program goes on if the handler leaves the pc as it was shown; 0: where it was */
    uintptr_t shown;
    struct patch_thread words; /* of the check under way, if it goes on there */
};

/*
 * patch_thread.frame says that what is interrupted is the slow path of a check. A handler's own code is not, so who is
 * entered by the kernel takes that away first, and gives it back last if the slow path goes on. Several signals may come
 * at once; then the kernel has the first one's entry interrupted by the second before its first instruction. The functions
 * that do so are this section's only ones, and an interrupted pc in it (or in the C library's return to the kernel, which
 * follows) is nothing to rewind.
 */
#define PATCH_SIGNAL_ENTRY __attribute__((section("gorocheck_signal")))

extern uintptr_t patch_signal_return; /* that of the C library */

static inline struct patch_frame *patch_frame_take(void)
{
    struct patch_frame *frame = patch_thread.frame;
    patch_thread.frame = NULL;
    patch_signal_return = (uintptr_t)__builtin_return_address(0);
    __asm__ volatile("" ::: "memory");
    return frame;
}

static inline void patch_frame_give(struct patch_frame *frame)
{
    __asm__ volatile("" ::: "memory");
    patch_thread.frame = frame;
}

/* Before the handler: the ucontext_t shows the program as it would be unpatched. `frame` is what was taken. */
void patch_show(struct patch_view *view, struct thread *thread, void *context,
                const struct patch_frame *frame);
/* After it: where the ucontext_t says to go on, but in the copy. False: what was taken is not to be given back. */
bool patch_back(const struct patch_view *view, void *context);
/* The program is about to die of a fault: its core shall show the pc in its own code. */
void patch_die(struct thread *thread, void *context);

#endif
