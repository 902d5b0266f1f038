/* Misuse of primitives: see misuse.c. All with the guard up. */
#ifndef SHIM_MISUSE_H
#define SHIM_MISUSE_H

#include "shim/call.h"
#include "shim/object.h"
#include "shim/shim.h"

/* A MISUSE record. misuse: enum trace_misuse; stacks and the other task may be 0. */
void misuse_note(struct thread *thread, uint32_t misuse, struct object *object, uint32_t stack,
                 uint32_t other_task, uint32_t other_stack);

/* What the object's own memory says: a mutex is locked (by that OS thread, 0: by anybody); a lock is free. */
bool misuse_held_by(const struct object *object, uint32_t os_tid);
bool misuse_unlocked(const struct object *object);

/* The call is about to: unlock what it does not hold; init or destroy the object; block on it; use it the first time. */
void misuse_unlock(struct call *call, struct object *object);
void misuse_check_end(struct call *call, struct object *object, bool init);
void misuse_check_block(struct call *call, uint32_t before);
void misuse_check_use(struct call *call, uint32_t kind, uintptr_t address);

/* An object was destroyed, or one was initialised, at `address`. */
void misuse_destroyed(struct call *call, uint32_t kind, uintptr_t address);
void misuse_made(uintptr_t address);
/* The memory of a live object was freed. */
void misuse_freed(struct thread *thread, struct object *object);
/* The task ends while it holds something. */
void misuse_exit_holding(struct thread *thread);
void misuse_fork_child(void);

#endif
