/* What a task holds: see held.c. All with the guard up, of the caller's own thread. */
#ifndef SHIM_HELD_H
#define SHIM_HELD_H

#include "shim/object.h"
#include "shim/shim.h"

struct held *held_find(struct thread *thread, const struct object *object);
/* mode: enum trace_mode; stack: where it was acquired. */
void held_push(struct thread *thread, struct object *object, uint32_t mode, uint32_t stack);
void held_drop(struct thread *thread, const struct object *object);
/* The innermost held object was taken under the others: writes an ORDER record if that is new. mode: with
 * TRACE_MODE_TRY if it was not waited for. */
void held_order(struct thread *thread, struct object *object, uint32_t mode, uint32_t stack);
void held_fork_child(void);

#endif
