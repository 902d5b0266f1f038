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

/* Before the handler: the ucontext_t shows the program as it would be unpatched. */
void patch_show(struct patch_view *view, struct thread *thread, void *context);
/* After it: where the ucontext_t says to go on, but in the copy. */
void patch_back(const struct patch_view *view, void *context);
/* The program is about to die of a fault: its core shall show the pc in its own code. */
void patch_die(struct thread *thread, void *context);

#endif
