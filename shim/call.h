/* What the verbs do: see call.c and trace/verbs.def. */
#ifndef SHIM_CALL_H
#define SHIM_CALL_H

#include "shim/object.h"
#include "shim/shim.h"

struct call {
    struct thread *thread; /* NULL: pass through */
    struct object *object, *mutex;
    uint32_t primitive;
    bool guarded; /* the guard is up */
    bool blocked; /* the task is marked as blocked */
    bool rejoin;  /* a condition wait gave up the mutex and must be taken to hold it again */
    uint64_t round;
    uint32_t stack;
    uintptr_t pc, frame, value;
};

/* The memory of a live object was freed. */
void call_freed(struct thread *thread, struct object *object);
/* The task ends while it holds something. */
void call_exit_holding(struct thread *thread);
void call_misuse(struct thread *thread, uint32_t misuse, struct object *object, uint32_t stack, uint32_t other_task,
                 uint32_t other_stack);

#endif
