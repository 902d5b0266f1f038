/*
 * Descriptors. The kernel gives the lowest free number to whoever asks next, so what a task did before it closed a
 * descriptor is before whatever a task does after it was given the same number: programs rest on it that index arrays by
 * descriptor. An object of kind FD stands for a number, from its first close on.
 */
#ifndef SHIM_FD_H
#define SHIM_FD_H

#include "shim/shim.h"

bool fd_setup(void);
/* The caller was given the number `fd`, or was not (-1). */
void fd_opened(int fd, uintptr_t pc);
/* About to give up the number. */
void fd_closing(int fd);
/* About to give up all numbers from `first` to `last`. */
void fd_closing_range(unsigned first, unsigned last);

#endif
