/*
 * Call stacks, captured by libunwind and remembered: a capture whose return addresses still stand where they stood last
 * time costs some loads (stack.c).
 */
#ifndef SHIM_STACK_H
#define SHIM_STACK_H

#include "shim/shim.h"

/* Id of the present call stack in the `stacks` file, from the wrapper's caller outwards; 0 if none can be had. `pc` is the
 * wrapper's return address, `frame` its __builtin_frame_address(0). Guard up. */
uint32_t stack_here(struct thread *thread, uintptr_t pc, uintptr_t frame);
/* Another task: what was remembered is of another stack. */
void stack_reset(struct thread *thread);
/* Around fork: no capture may be under way, so that the child finds libunwind's locks free. */
void stack_fork_prepare(void);
void stack_fork_done(void);
/* Id of a stack given by its return addresses, innermost first. */
uint32_t stack_put(const uint64_t *pcs, uint32_t count);

#endif
