/*
 * Call stacks. libunwind needs some microseconds for a stack, too much for every lock. But at the same call site with the
 * same stack pointer, if every return address still stands in the place where it stood when the stack was captured, the
 * stack is the same: the frame of a function at a given pc has a fixed layout, so by induction each caller is the same.
 * So a capture remembers the places, and the next one mostly costs one load and compare per frame.
 */
#include "shim/stack.h"

#include <errno.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "shim/access.h"
#include "shim/banned.h"
#include "shim/module.h"
#include "shim/options.h"
#include "shim/raw.h"
#include "shim/spin.h"
#include "shim/table.h"

/* Direct-mapped, memcached's lock sites evicted each other: 0.32 of its throughput; with four ways 0.82. */
#define WAYS   4u
#define CACHE  128u
#define PLACES 40u
#define KNOWN  (1u << 16) /* distinct stacks remembered, so that each is written once */

struct stack_entry {
    uintptr_t pc, frame;
    uint32_t id;
    uint32_t count;
    uint32_t place[PLACES]; /* of the return address of frame i + 1, relative to `frame` */
};

struct stack_cache {
    struct stack_entry entries[CACHE];
    uint32_t victim;
};

static struct {
    uint32_t hash, id;
} * stacks_known;
static volatile uint32_t unwinding;
static volatile uint32_t unwind_closed;

void stack_reset(struct thread *thread)
{
    if (!thread->stacks)
        return;
    for (uint32_t i = 0; i < CACHE; i++)
        thread->stacks->entries[i].pc = 0;
}

/* ---- the stacks file ---- */

static uint32_t stack_hash(const uint64_t *pcs, uint32_t count)
{
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++)
        hash = (hash ^ pcs[i]) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return (uint32_t)(hash >> 32) | 1;
}

static bool stack_is(uint32_t id, const uint64_t *pcs, uint32_t count)
{
    const uint64_t *words = table_slot(&table_stacks, id);
    if (words[0] != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (words[1 + i] != pcs[i])
            return false;
    return true;
}

static uint32_t stack_write(const uint64_t *pcs, uint32_t count)
{
    uint32_t id = table_take(&table_stacks, count + 1);
    if (!id) {
        __atomic_fetch_add(&process_record()->lost_stacks, 1, __ATOMIC_RELAXED);
        return 0;
    }
    uint64_t *words = table_slot(&table_stacks, id);
    for (uint32_t i = 0; i < count; i++)
        words[1 + i] = pcs[i];
    __atomic_store_n(&words[0], count, __ATOMIC_RELEASE);
    module_refresh();
    return id;
}

uint32_t stack_put(const uint64_t *pcs, uint32_t count)
{
    static struct spin lock;
    if (!count)
        return 0;
    if (count > shim_options.stack_depth)
        count = shim_options.stack_depth;
    if (!stacks_known) {
        spin_lock(&lock);
        if (!stacks_known)
            stacks_known = memory_get(KNOWN * sizeof *stacks_known);
        spin_unlock(&lock);
        if (!stacks_known)
            return stack_write(pcs, count);
    }
    uint32_t hash = stack_hash(pcs, count);
    uint32_t slot = 0;
    for (uint32_t try = 0; try < 8; try++) {
        slot = (hash + try) % KNOWN;
        uint32_t known = __atomic_load_n(&stacks_known[slot].hash, __ATOMIC_ACQUIRE);
        uint32_t id = stacks_known[slot].id;
        if (known == hash && id && stack_is(id, pcs, count))
            return id;
        if (!known)
            break;
    }
    uint32_t id = stack_write(pcs, count);
    stacks_known[slot].id = id;
    __atomic_store_n(&stacks_known[slot].hash, hash, __ATOMIC_RELEASE);
    return id;
}

/* ---- capture ---- */

/* Return addresses from `pc` outwards, and where they stand. Without libunwind (closed around fork): `pc` and what the
 * instrumented functions pushed. */
static NOINLINE uint32_t capture(uintptr_t pc, uintptr_t frame, uint64_t *pcs, uintptr_t *places,
                                 uint32_t limit)
{
    unw_context_t context;
    unw_cursor_t cursor;
    uint32_t count = 0;
    if (unw_getcontext(&context) != 0 || unw_init_local(&cursor, &context) != 0)
        return 0;
    uintptr_t top = 0;
    for (uint32_t steps = 0; steps < limit + 16; steps++) {
        unw_word_t ip = 0, sp = 0;
        if (unw_step(&cursor) <= 0)
            break;
        unw_get_reg(&cursor, UNW_REG_IP, &ip);
        unw_get_reg(&cursor, UNW_REG_SP, &sp);
        if (count == 0 && ip != pc)
            continue; /* still within ourselves */
        if (ip == 0 || (top && sp <= top))
            break;
        top = sp;
        pcs[count] = ip;
        places[count] =
            sp - 8; /* a caller's stack pointer stands just above the return address into it */
        count++;
        if (count == limit)
            break;
    }
    if (count && places[0] < frame)
        count = 0;
    return count;
}

static uint32_t stack_without_unwinder(uintptr_t pc)
{
    uint64_t pcs[TRACE_STACK_DEPTH];
    uint32_t shadow, count = 0;
    const uint64_t *pushed = access_shadow(&shadow);
    pcs[count++] = pc;
    while (shadow && count < TRACE_STACK_DEPTH)
        pcs[count++] = pushed[--shadow];
    return stack_put(pcs, count);
}

static bool entry_holds(const struct stack_entry *entry, uintptr_t frame)
{
    const uint64_t *words = (const uint64_t *)table_slot(&table_stacks, entry->id) + 1;
    for (uint32_t i = 0; i < entry->count; i++)
        if (*(const uint64_t *)(frame + entry->place[i]) != words[i])
            return false;
    return true;
}

static NOINLINE uint32_t stack_capture(struct stack_entry *entry, uintptr_t pc, uintptr_t frame)
{
    uint64_t pcs[TRACE_STACK_DEPTH];
    uintptr_t places[TRACE_STACK_DEPTH];
    uint32_t limit = shim_options.stack_depth;
    int error = errno;
    __atomic_fetch_add(&unwinding, 1, __ATOMIC_SEQ_CST);
    uint32_t count = unwind_closed ? 0 : capture(pc, frame, pcs, places, limit);
    __atomic_fetch_sub(&unwinding, 1, __ATOMIC_SEQ_CST);
    errno = error;
    if (!count)
        return stack_without_unwinder(pc);
    uint32_t id = stack_put(pcs, count);
    if (!entry || !id)
        return id;
    entry->pc = 0;
    uint32_t kept = count < PLACES ? count : PLACES;
    for (uint32_t i = 0; i < kept; i++) {
        if (places[i] < frame || places[i] - frame > UINT32_MAX || *(uint64_t *)places[i] != pcs[i])
            return id; /* not where we think: never reuse */
        entry->place[i] = (uint32_t)(places[i] - frame);
    }
    if (kept < count)
        return id; /* too deep to verify: captured anew each time */
    entry->frame = frame;
    entry->count = kept;
    entry->id = id;
    entry->pc = pc;
    return id;
}

uint32_t stack_here(struct thread *thread, uintptr_t pc, uintptr_t frame)
{
    if (UNLIKELY(!thread->stacks)) {
        thread->stacks = memory_get(sizeof *thread->stacks);
        if (!thread->stacks)
            return stack_capture(NULL, pc, frame);
    }
    uint64_t hash = pc * 0x9e3779b97f4a7c15u ^ (frame >> 4) * 0xff51afd7ed558ccdu;
    struct stack_entry *set = &thread->stacks->entries[(hash >> 40) % (CACHE / WAYS) * WAYS];
    for (uint32_t way = 0; way < WAYS; way++)
        if (LIKELY(set[way].pc == pc && set[way].frame == frame && entry_holds(&set[way], frame)))
            return set[way].id;
    struct stack_entry *entry = &set[thread->stacks->victim++ % WAYS];
    return stack_capture(entry, pc, frame);
}

void stack_fork_prepare(void)
{
    unwind_closed = 1;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (uint32_t i = 0; unwinding && i < 100000; i++)
        raw0(SYS_sched_yield);
}

void stack_fork_done(void)
{
    unwind_closed = 0;
}
