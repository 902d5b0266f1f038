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
/* The same for accesses and blocks: 0 where too much time has gone into unwinding for those. */
uint32_t stack_here_rationed(struct thread *thread, uintptr_t pc, uintptr_t frame);
/*
 * Id of the stack of return addresses above an instruction at `pc` of the program, with these registers; 0: none can be
 * had, or too much time has gone into them already. The registers that a callee keeps, and rsp. Guard up; vector
 * registers are kept.
 */
#define STACK_REGISTERS(X) \
    X(rbx, RBX) X(rbp, RBP) X(rsp, RSP) X(r12, R12) X(r13, R13) X(r14, R14) X(r15, R15)
struct stack_registers {
#define X(lower, upper) uint64_t lower;
    STACK_REGISTERS(X)
#undef X
};
uint32_t stack_of(struct thread *thread, uintptr_t function, uintptr_t pc,
                  const struct stack_registers *registers);
/* The same if it is remembered for the function that pc is in, or none can be had now: then the registers need not be put
 * together. False: ask stack_of(). */
bool stack_known(struct thread *thread, uintptr_t function, uintptr_t sp, uint32_t *id);
/* The return addresses of a stack, innermost first. */
const uint64_t *stack_frames(uint32_t id, uint32_t *count);
/* This thread is in the unwinder, which is to make no pipe (stack_system.c); what a write from `address` to it would return. */
INNER extern __thread bool stack_inside;
static inline bool stack_unwinding(void)
{
    return stack_inside;
}
long stack_probe(uintptr_t address);
/* Finds the real functions behind what the unwinder is answered. */
void stack_find(void *find(const char *name));
/* The system call with up to three words, for the unwinder: no point of cancellation. Keeps to errno. */
long stack_system(long number, ...);
/* Another task: what was remembered is of another stack. */
void stack_reset(struct thread *thread);
/* Around fork: no capture may be under way, so that the child finds libunwind's locks free. */
void stack_fork_prepare(void);
void stack_fork_done(void); /* in the parent */
void stack_fork_child(void);
/* Around the program's walk over modules: none meanwhile. */
void stack_walk_begin(void);
void stack_walk_end(void);
/* For who may take the dynamic linker's lock while the program holds any of its own. False: not now. */
bool stack_enter(void);
void stack_leave(void);
/* Is this code of the unwinder's? The program may use the same library (tcmalloc does, whenever it grows), which then locks
 * its mutexes through us: to unwind would be to wait for itself. */
bool stack_in_unwinder(uintptr_t pc);
/* Id of a stack given by its return addresses, innermost first. */
uint32_t stack_put(const uint64_t *pcs, uint32_t count);
/* Id of a list of something else, at most TRACE_STACK_DEPTH words: none is left out, whatever `stack_depth` says. */
uint32_t stack_put_list(const uint64_t *words, uint32_t count);
/* Id of a text as such a list, 8 bytes a word: at most STACK_TEXT bytes, and no more words than a stack may have. */
#define STACK_TEXT 160u
uint32_t stack_put_text(const char *text, size_t length);

#endif
