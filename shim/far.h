/*
 * Room that can grow without moving and without being reserved: where it may grow into is far from what anybody else
 * maps, and is not mapped before it is used. A reserve would count as address space: 1.7 GB of it, and a program that
 * sets itself an RLIMIT_AS lost its own allocations.
 */
#ifndef SHIM_FAR_H
#define SHIM_FAR_H

#include "shim/shim.h"

struct far {
    uint8_t *base;
    bool
        reserved; /* no such place was found: all of it is mapped, and inaccessible until it is used */
};

/* Finds the place for `reach` bytes, whole pages. Nothing of it is usable yet. */
bool far_find(struct far *far, size_t reach);
/* Makes [from, to) of it usable, in whole pages: of the file `fd` from the same offset on, or anonymous when it is -1. */
bool far_map(const struct far *far, size_t from, size_t to, int fd);

#endif
