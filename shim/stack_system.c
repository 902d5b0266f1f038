/*
 * What the unwinder asks of the system, and is answered instead.
 *
 * Where nothing describes a frame, libunwind looks whether memory can be read by writing it into a pipe of its own. A
 * program would find other numbers for its descriptors for that; and once it has closed all that it does not know, the
 * unwinder would read from and write to whatever has those numbers now. So it gets no pipe, and its write is answered here.
 *
 * For each frame it blocks all signals, takes a lock and puts the mask back. We have blocked them all before it began.
 */
#include "shim/stack.h"

#include <errno.h>
#include <signal.h>

#include "shim/banned.h"
#include "shim/raw.h"

__thread bool stack_inside;

long stack_probe(uintptr_t address)
{
    /* Reads the word, and only then finds that there is no such way to change a mask. */
    if (raw4(SYS_rt_sigprocmask, -1, address & ~(uintptr_t)7, NULL, 8) == -EINVAL)
        return 1;
    errno = EFAULT;
    return -1;
}

static int (*next_mask)(int how, const sigset_t *set, sigset_t *old);

void stack_find(void *find(const char *name))
{
    *(void **)(void *)&next_mask = find("sigprocmask");
}

/* Called before we were born: what the C library's does, but for the two signals of its own that it leaves out. */
static int mask_early(int how, const sigset_t *set, sigset_t *old)
{
    long result = raw4(SYS_rt_sigprocmask, how, set, old, 8);
    if (result == 0)
        return 0;
    errno = (int)-result;
    return -1;
}

EXPORT int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    if (LIKELY(!stack_inside))
        return (next_mask ? next_mask : mask_early)(how, set, old);
    if (old)
        raw_copy(old, &(uint64_t){~UINT64_C(0)}, 8);
    return 0;
}
