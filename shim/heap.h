/*
 * Blocks of the heap: how other parts tell of them, and a small heap that the recorder lends.
 *
 * What the C library allocates when we ask it where a new thread's stack lies comes from here: the host's allocator is
 * not to see a thread before the thread itself allocates. (glibc's would set 64 MB of addresses apart for it.)
 */
#ifndef SHIM_HEAP_H
#define SHIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_lent {
    size_t used;
    uint8_t room[512] __attribute__((aligned(16)));
};

/* From now on the calling thread's calloc and realloc take from here what fits; with NULL no longer. */
void heap_lend(struct heap_lent *lent);

/* A block that some allocator has given out; that is about to be given back. `pc`: the caller's. */
void *heap_made(void *p, size_t size, uintptr_t pc);
void heap_dies(void *p, uintptr_t pc);

/* The functions that give out blocks lie between these addresses. */
bool heap_allocates(uintptr_t low, uintptr_t high);
/* Whether malloc is that of somebody before the recorder, so that blocks are not seen. Allocates. */
bool heap_unseen(void);
/* The C library is patched from now on. */
void heap_nests(void);
/* Finds the next operators new and delete, if there are any. */
void heap_cxx_find(void);

#endif
