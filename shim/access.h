/*
 * Memory accesses: the filter, the open table, the shadow call stack, the heap. access.c, access_near.c, gather.c,
 * access_block.c, open.c, shadow.c, block.c; what feeds them: abi.c and atomic.c (the __tsan_* entry points), heap.c,
 * range.c.
 */
#ifndef SHIM_ACCESS_H
#define SHIM_ACCESS_H

#include "shim/shim.h"

/* Slow path of every access: `size` bytes at `address`, any alignment. Guard up. */
void access_record(struct thread *thread, uintptr_t address, size_t size, uint32_t kind,
                   uintptr_t pc);

#define ACCESS_KIND(flags, size) ((flags) | (uint32_t)__builtin_ctz(size) << 4)
/* Exported to the fast paths within instrumented programs (abi_fast.c); the name carries the version of what they know. */
#define NEAR(name)               __asm__("__gorocheck_4_" #name) __attribute__((visibility("default")))
/* The same for callers without the guard: the entry points' slow path. */
void access_slow(uintptr_t address, size_t size, uint32_t kind, uintptr_t pc) NEAR(access_slow);
/* The same with the guard up; it comes down. */
void access_guarded(uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
    NEAR(access_guarded);
/* The guard came down while signals waited. */
void access_deliver(void) NEAR(access_deliver);

/* Called by the core, guard up: */
void access_new_segment(struct thread *thread); /* thread->segment has changed */
void access_thread_start(
    struct thread *thread); /* the thread's task, slot and segment are set; its stack is an ALLOC */
void access_thread_end(struct thread *thread); /* flush; the filter goes back to the pool */
/* A second task appeared that nobody made. What was done alone was not recorded; what is done from now on is. */
void access_no_longer_alone(void);
void access_fork_child(
    struct thread *thread);               /* all that was open belonged to the parent's trace */
void access_flush(struct thread *thread); /* open entries become records */
/* Lines that the thread has gathered and not written yet. */
uint32_t access_gathered(const struct thread *thread);
/* What a thread has gathered, which does nothing any more, is written. Returns how much of it could not be, since the thread
 * is just doing something. */
uint32_t access_rest(struct thread *thread);
/* Another task runs on this thread from here on: the shadow stack of the one before goes to `frames`, and that of the
 * next comes from there; `moved`: it has been on another thread since it was here. What memory it needs it takes; the count is 0 if there is none. */
void access_task_save(struct thread *thread, uint64_t **frames, uint32_t *count, uint32_t *room);
void access_task_load(struct thread *thread, bool moved, const uint64_t *frames, uint32_t *count);
/* The shadow call stack: return addresses, innermost last; *count 0 where no instrumented function is active. */
const uint64_t *access_shadow(uint32_t *count);
/* A block came to life, or its life ends now (call before the real free). kind: enum trace_alloc. */
void access_alloc(struct thread *thread, uintptr_t address, size_t size, uint32_t kind,
                  uintptr_t pc);
void access_free(struct thread *thread, uintptr_t address, size_t size, uint32_t kind,
                 uintptr_t pc);
/* True once any instrumented module was seen (a module that imports __tsan_init). */
extern volatile uint32_t access_on;

#endif
