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
    uint32_t kind, stack;
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

void block_add(uintptr_t address, size_t size, uint32_t kind, uintptr_t pc)
{
    if (!kept && !(kept = memory_get(BLOCKS * sizeof *kept)))
        return;
    *block_of(address) = (struct block){.address = address,
                                        .size = size,
                                        .pc = pc,
                                        .tsc = tsc_now(),
                                        .kind = kind,
                                        .stack = shadow_stack()};
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
        const uint64_t *words = table_slot(&table_stacks, block->stack);
        uint64_t frames[TRACE_STACK_DEPTH];
        uint32_t count = 0;
        if (block->stack && words[0] <= TRACE_STACK_DEPTH)
            while (count < words[0]) {
                frames[count] = words[words[0] - count];
                count++;
            }
        struct trace_access record = {.type = TRACE_ACCESS_ALLOC,
                                      .kind = block->kind,
                                      .address = block->address,
                                      .size = block->size,
                                      .pc = block->pc,
                                      .tsc = block->tsc};
        open_put_with(thread, state, &record, frames, count);
        block->address = 0;
    }
}
