/*
 * The slow path of unmodified code: what a copy (shim/patch.h) calls where the filter has not seen an access, and around
 * instructions that synchronise. See patch_access.c.
 */
#ifndef SHIM_PATCH_ACCESS_H
#define SHIM_PATCH_ACCESS_H

#include "shim/patch.h"

/* Bits of patch_site.details */
#define PATCH_BRACKET \
    0x8000u /* PATCH_ACCESS: the copy has a place where the instruction runs with the guard up */
#define PATCH_COMPARES \
    0x4000u /* PATCH_LOCKED: cmpxchg, which may fail (ZF clear) and then only reads */

/* A bracketed access is left this many bytes behind the call: lea 128(%rsp), %rsp and a jump come first. */
#define PATCH_BRACKET_EXIT 13u

/* A load or store of patch_thread.address. True: bytes of it are marked; then the caller lets the instruction run and
 * calls patch_access_after() behind it. Only sites with PATCH_BRACKET in `details` are ever asked for that. */
bool patch_access(const struct patch_site *site, const struct patch_frame *frame);
void patch_access_after(const struct patch_site *site, const struct patch_frame *frame);
/* Finds out in which context accesses are made now (patch_thread.context). False: this one must go the long way. */
bool patch_arrive(const struct patch_site *site, const struct patch_frame *frame);

/* `size` bytes at `address` by a string or vector instruction. */
void patch_range(const struct patch_site *site, const struct patch_frame *frame, uintptr_t address,
                 size_t size, uint32_t kind);

/* A read-modify-write with LOCK, or xchg, of patch_thread.address. */
void patch_lock_before(const struct patch_site *site, const struct patch_frame *frame);
void patch_lock_after(const struct patch_site *site, const struct patch_frame *frame);

/* These bytes are a once or guard word, or another that library functions synchronise by. Guard up. */
void patch_mark(uintptr_t address, size_t size);

/* A system call, inlined in the program or made by syscall(3): what is before and after it, as far as it synchronises. */
void patch_syscall_before(const struct patch_frame *frame, uintptr_t pc);
void patch_syscall_after(const struct patch_frame *frame, uintptr_t pc);
void system_call_before(struct system_call *call, long number, uintptr_t first, uintptr_t second);
void system_call_after(const struct system_call *call, long result, uintptr_t pc);

/* Is an instruction under way between the two halves of its operation? */
bool patch_access_holds(void);
/* The instruction between `before` and `after` faulted: what is held for it is given back, the guard with it. Any
 * context; false: no such instruction is under way. */
bool patch_access_abandon(struct thread *thread);

/* Before anything is patched. */
void patch_access_setup(void);
/* All threads pass a full barrier. */
void patch_fence(void);

/* access_span.c: an access at patch_thread.address, which the filter knows, was outside of its site's span. */
void patch_span_ask(const struct patch_site *site);

#endif
