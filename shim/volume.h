/*
 * How much of the disk the trace takes, and what is done when that comes to max_disk=. All functions are called with the
 * guard up.
 */
#ifndef SHIM_VOLUME_H
#define SHIM_VOLUME_H

#include "shim/shim.h"

/* So many bytes more of the trace are on disk. */
void volume_add(uint64_t size);
/* A stream has written a chunk: a thread that writes accesses may have to wait here, or everybody to leave some out. */
void volume_check(bool accesses);
/* An access that is not recorded because accesses are being left out. */
void volume_left_out(void);
/* In a fork child: its trace is another one. */
void volume_fork_child(void);

#endif
