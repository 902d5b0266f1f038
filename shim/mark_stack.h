/*
 * Marks on the thread's own stack end with the frame they were made in. See mark_stack.c.
 */
#ifndef SHIM_MARK_STACK_H
#define SHIM_MARK_STACK_H

#include "shim/shim.h"

struct mark_stack {
    uintptr_t due; /* once the stack ends above this, marks below are worth ending */
    uintptr_t low; /* the lowest marked byte that was met since */
    uint32_t met;  /* how often */
};

extern __thread struct mark_stack mark_stack INNER __attribute__((tls_model("initial-exec")));

void mark_stack_end(const struct thread *thread, uintptr_t end);

/* The thread is busy, and what lies below `end` is of frames that are over. */
static inline void mark_stack_look(const struct thread *thread, uintptr_t end)
{
    if (UNLIKELY(end > mark_stack.due))
        mark_stack_end(thread, end);
}

/* A plain access of the thread to a marked byte. */
void mark_stack_met(const struct thread *thread, uintptr_t address);

#endif
