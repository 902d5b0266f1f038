/*
 * What the C library allocates when we ask it where a new thread's stack lies comes from here: the host's allocator is
 * not to see a thread before the thread itself allocates. (glibc's would set 64 MB of addresses apart for it.)
 */
#ifndef SHIM_HEAP_H
#define SHIM_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_lent {
    size_t used;
    uint8_t room[512] __attribute__((aligned(16)));
};

/* From now on the calling thread's calloc and realloc take from here what fits; with NULL no longer. */
void heap_lend(struct heap_lent *lent);

#endif
