/* Threads on a stack of the program's own: see own_stack.c. */
#ifndef SHIM_OWN_STACK_H
#define SHIM_OWN_STACK_H

#include <sys/types.h>

#include "shim/shim.h"

struct own_stack;

/* A place for a thread that is to run routine(argument) on this memory: `attributes` (a copy) is made to name it. NULL: there
 * is no memory. It begins in own_stack_main, whose argument is the place. */
struct own_stack *own_stack_get(pthread_attr_t *attributes, uintptr_t low, size_t size,
                                void *(*routine)(void *), void *argument);
void *own_stack_main(void *own);
/* There was no thread after all. */
void own_stack_put(struct own_stack *own);

/* That of a thread, by its handle. NULL: it has none. */
struct own_stack *own_stack_of(uintptr_t handle);
/* Its thread was joined or detached: the C library forgets it when it has ended. NULL: nothing. */
void own_stack_release(struct own_stack *own);
/* What the C library was given for the calling thread. False: it has none. */
bool own_stack_beside(uintptr_t *low, size_t *size);

void own_stack_find(void *find(const char *name));

#endif
