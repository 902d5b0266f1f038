/*
 * Blocks begin and end: their records, and what the filter must forget of them.
 */
#include "shim/access_state.h"

#include "shim/banned.h"
#include "shim/mark.h"
#include "shim/options.h"
#include "shim/patch.h"
#include "shim/stack.h"

#define FORGET_LINES \
    2048u /* an allocation of more lines begins a new generation instead of clearing them */

static inline void entry_forget(struct filter_entry *entry, uintptr_t line)
{
    if (((entry->tag ^ line) & ~FILTER_ATOMIC) == 0)
        entry->tag = 0;
}

/* The bytes of a new block have not been touched by anybody. */
static void filter_forget(struct access_state *state, uintptr_t address, size_t size)
{
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1), end = address + size;
    if (end - line >= (uintptr_t)FORGET_LINES * LINE_BYTES) {
        access_new_generation(state);
        return;
    }
    for (; line < end; line += LINE_BYTES) {
        entry_forget(filter_entry(&access_fast.reads, line), line);
        entry_forget(filter_entry(&access_fast.writes, line), line);
    }
}

/*
 * Blocks are made and freed by functions that nobody instrumented (operator new, strdup), so the shadow stack does not know
 * who called these: the stack is unwound in every program, and the shadow stack is what is told where no time is left for it.
 */
static void block_record(struct thread *thread, struct access_state *state, uint32_t type,
                         uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
{
    if (!open_sync(thread, state))
        return;
    open_flush_range(thread, state, address, address + size);
    struct trace_access *block = open_record(state, type);
    block->kind = kind;
    block->address = address;
    block->size = size;
    block->pc = pc;
    block->tsc = tsc_now();
    uint32_t stack = stack_here_rationed(thread, pc, (uintptr_t)__builtin_frame_address(0));
    if (stack || patch_on)
        access_stack(state, stack | ACCESS_STACK_CALLED);
    open_put(thread, state, block);
    access_stack(state, 0);
}

void access_alloc(struct thread *thread, uintptr_t address, size_t size, uint32_t kind,
                  uintptr_t pc)
{
    struct access_state *state = access_state_get(thread);
    if (!state || size == 0 || !shim_options.heap)
        return;
    gather_write_range(thread, state, address, address + size);
    filter_forget(state, address, size);
    mark_clear(address, size);
    if (access_alone())
        block_add(thread, address, size, kind, pc);
    else
        block_record(thread, state, TRACE_ACCESS_ALLOC, address, size, kind, pc);
}

void access_free(struct thread *thread, uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
{
    struct access_state *state = access_state_get(thread);
    if (!state || size == 0 || !shim_options.heap)
        return;
    gather_write_range(thread, state, address, address + size);
    if (access_alone())
        block_remove(address);
    else
        block_record(thread, state, TRACE_ACCESS_FREE, address, size, kind, pc);
}
