/* A program that gives up system calls of its own will (seccomp). See confine.c. */
#ifndef SHIM_CONFINE_H
#define SHIM_CONFINE_H

#include "shim/shim.h"

/* Recording has stopped for good, here and in all children: nothing but what the program asks for is asked of the kernel. */
extern volatile bool confined;

/* Before prctl(option, a, b, c) and before seccomp(operation, flags, filter). */
void confine_prctl(long option, long a, long b, long c);
void confine_seccomp(long operation, long filter);
/* A thread is made that is not recorded. */
void confine_thread(void);
/* Was anything lost by that in this process, of which there is to be a report? */
bool confine_lost(void);

#endif
