/*
 * Locks on files: file_lock.c. fcntl is wrapped in fd_open.c, since it also gives descriptors.
 */
#ifndef SHIM_FILE_LOCK_H
#define SHIM_FILE_LOCK_H

#include "shim/shim.h"

/* fcntl with a command that locks: does the call. */
int file_lock_control(int (*control)(int, int, ...), uint32_t primitive, int fd, int command,
                      void *lock, uintptr_t pc, uintptr_t frame);
bool file_lock_is(int command);
/* A descriptor is given up through which `object` was locked. Guard up. */
void file_lock_closing(struct thread *thread, struct object *object);

#endif
