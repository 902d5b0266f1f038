/*
 * What passes from task to task through the kernel without being ordered by the recorder: files, other processes and what
 * they pass on, signals that the kernel sends, faults. It is no order to rely on (any two calls may have nothing to do
 * with one another), but where the second came after the first it may have been one; so a race that it might have ordered is
 * not proved. It is recorded as stores (who may have told something) and loads (who may have learned it) of one word
 * outside of all memory, TRACE_OUTSIDE; each load begins a segment. Only where accesses are recorded.
 */
#ifndef SHIM_OUTSIDE_H
#define SHIM_OUTSIDE_H

#include "shim/shim.h"

/* What a function does. */
#define TELLS  1u
#define LEARNS 2u

/* Before a call that may tell something, after one that may have learned something; errno stays. */
void outside_tell(void);
void outside_learn(void);
/* The same with the guard up. */
void outside_tells(struct thread *thread);
void outside_learns(struct thread *thread);
/* A system call made past the C library's functions. */
void outside_system_before(long number);
void outside_system_after(long number);
/* Memory was mapped that other processes may write; if `by_fork`, only children can have it. */
void outside_shares(bool by_fork);
/* A child is about to be made. */
void outside_forks(void);
/* Finds the real functions behind the rows of outside.def. */
void outside_find(void *find(const char *name));

#endif
