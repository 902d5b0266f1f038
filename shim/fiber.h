/* Fibers: fiber.c. */
#ifndef SHIM_FIBER_H
#define SHIM_FIBER_H

#include "shim/shim.h"

/* In a fork child: the tasks of fibers were the parent's; each becomes another when it is switched to. */
void fiber_fork_child(struct thread *thread);
/* About to jump (longjmp) to a frame at `sp`, perhaps on another fiber's stack. */
void fiber_jump(uintptr_t sp, uintptr_t pc, uintptr_t frame);
/* Memory is freed, which may be stacks. Guard up. */
extern volatile bool fiber_any;
void fiber_stacks_gone(struct thread *thread, uintptr_t low, size_t size);
/* The OS thread ends, whatever it carries: as itself. Guard up. */
void fiber_thread_end(struct thread *thread);

#endif
