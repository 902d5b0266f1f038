/*
 * Blocks allocated while the process had one task. Their accesses need no record, but once there are more tasks a report
 * wants to say where the block came from; so the newest of those still alive are kept here, and become ALLOC records
 * with the first record of the main task. A block that is forgotten costs that line of the report, nothing else.
 */
#include "shim/access_state.h"

#include "shim/banned.h"
#include "shim/object.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/stack.h"
#include "shim/table.h"

#define BLOCKS (1u << 14)

struct block {
    uintptr_t address;
    size_t size;
    uint64_t pc, tsc;
    uint32_t kind, stack; /* with ACCESS_STACK_CALLED: an unwound one, which begins with `pc` */
};

static struct block *kept; /* direct-mapped by address; only ever touched while there is one task */

static struct block *block_of(uintptr_t address)
{
    return &kept[(address >> 4) * 0x9e3779b97f4a7c15u >> 50];
}
static_assert(BLOCKS == 1u << 14, "block_of");

static uint32_t shadow_stack(void)
{
    uint64_t inner_first[TRACE_STACK_DEPTH];
    uint32_t count;
    const uint64_t *frames = access_shadow(&count);
    uint32_t depth = count < TRACE_STACK_DEPTH ? count : TRACE_STACK_DEPTH;
    for (uint32_t i = 0; i < depth; i++)
        inner_first[i] = frames[count - 1 - i];
    return depth ? stack_put(inner_first, depth) : 0;
}

void block_add(struct thread *thread, uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
{
    if (!kept && !(kept = memory_get(BLOCKS * sizeof *kept)))
        return;
    uint32_t stack = stack_here_rationed(thread, pc, (uintptr_t)__builtin_frame_address(0));
    *block_of(address) =
        (struct block){.address = address,
                       .size = size,
                       .pc = pc,
                       .tsc = tsc_now(),
                       .kind = kind,
                       .stack = stack ? stack | ACCESS_STACK_CALLED : shadow_stack()};
}

void block_remove(uintptr_t address)
{
    if (kept && block_of(address)->address == address)
        block_of(address)->address = 0;
}

void block_write(struct thread *thread, struct access_state *state)
{
    for (uint32_t i = 0; kept && i < BLOCKS; i++) {
        struct block *block = &kept[i];
        if (!block->address)
            continue;
        uint64_t outermost_first[TRACE_STACK_DEPTH];
        uint32_t count;
        const uint64_t *frames = open_frames(block->stack, &count);
        for (uint32_t j = 0; j < count; j++)
            outermost_first[j] = frames[count - 1 - j];
        struct trace_access *record = open_record(state, TRACE_ACCESS_ALLOC);
        record->kind = block->kind;
        record->address = block->address;
        record->size = block->size;
        record->pc = block->pc;
        record->tsc = block->tsc;
        open_put_with(thread, state, record, outermost_first, count);
        block->address = 0;
    }
}
