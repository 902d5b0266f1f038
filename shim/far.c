/*
 * Places for what grows. The kernel maps below the libraries (or, in the old layout, above them), one thing next to the
 * other; DISTANCE below that nobody comes unless he maps as much. 100,000 goroutines map 400 GB of stacks. (Other tools want
 * certain addresses for themselves, sanitizers above all; a program with one of those is left alone.)
 *
 * Invariant: what far_map() maps was free: it fails rather than replace what another has mapped there meanwhile.
 */
#include "shim/far.h"

#include <errno.h>
#include <sys/mman.h>

#include "shim/banned.h"
#include "shim/raw.h"

#define DISTANCE ((uintptr_t)16 << 40)
#define ALIGN    ((uintptr_t)2 << 20) /* what a page of page tables covers */
#define TRIES    8

static volatile uintptr_t far_next;

/* True if nothing is mapped there, or the limit of the address space does not let us look. */
static bool is_free(uintptr_t base, size_t reach)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    long at = raw6(SYS_mmap, (long)base, (long)reach, PROT_NONE, flags, -1, 0);
    if (RAW_FAILED(at))
        return at == -ENOMEM;
    raw2(SYS_munmap, at, reach);
    return (uintptr_t)at == base; /* not so in a kernel that does not know the flag */
}

bool far_find(struct far *far, size_t reach)
{
    uintptr_t here = (uintptr_t)&far_next & ~(ALIGN - 1), none = 0;
    uintptr_t step = (reach + ALIGN - 1) & ~(ALIGN - 1);
    if (here > 2 * DISTANCE)
        __atomic_compare_exchange_n(&far_next, &none, here - DISTANCE, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED);
    for (int i = 0; i < TRIES && far_next; i++) {
        uintptr_t base = __atomic_fetch_add(&far_next, step, __ATOMIC_RELAXED);
        if (is_free(base, reach)) {
            *far = (struct far){(uint8_t *)base, false};
            return true;
        }
    }
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    *far = (struct far){raw_map(NULL, reach, PROT_NONE, flags, -1, 0), true};
    return far->base;
}

bool far_map(const struct far *far, size_t from, size_t to, int fd)
{
    uint8_t *address = far->base + from;
    int flags = far->reserved ? MAP_FIXED : MAP_FIXED_NOREPLACE;
    flags |= fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *at =
        raw_map(address, to - from, PROT_READ | PROT_WRITE, flags, fd, fd >= 0 ? from : 0);
    if (at && at != address)
        raw2(SYS_munmap, at, to - from);
    return at == address;
}
