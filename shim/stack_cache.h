/*
 * What a thread remembers of its call stacks, for stack.c; and inline for who arrives in a copy, which most often finds the
 * stack that was found last.
 */
#ifndef SHIM_STACK_CACHE_H
#define SHIM_STACK_CACHE_H

#include "shim/shim.h"
#include "shim/table.h"

/* Direct-mapped, memcached's lock sites evicted each other: 0.32 of its throughput; with four ways 0.82. */
#define STACK_WAYS    4u
#define STACK_CACHE   128u
#define STACK_CALLERS 512u /* 96 KB, touched only where they are needed */
#define STACK_SITES   256u /* of accesses: 48 KB */

/* Twenty frames of it in one cache line. */
struct stack_entry {
    uintptr_t key, frame; /* key: pc and, above its 47 bits, the epoch of the cache; 0: empty */
    uint32_t id;
    uint32_t count;
    uint16_t place[TRACE_STACK_DEPTH]; /* of return address i: so many words above `frame` */
} __attribute__((aligned(64)));

struct stack_cache {
    struct stack_entry entries[STACK_CACHE], callers[STACK_CALLERS], sites[STACK_SITES];
    struct stack_entry *last; /* of entries or callers: found last, and often wanted again */
    const struct stack_entry *last_site; /* of sites, likewise */
    uint32_t victim;
    uint64_t
        epoch; /* of the task; what another task has left may lie above the end of this one's stack */
    uint64_t since, spent; /* ticks: of the thread, of those unwinding for accesses */
    uint8_t *unwind_stack;
};

static inline uintptr_t stack_key(const struct stack_cache *cache, uintptr_t pc)
{
    return pc ^ cache->epoch << 48;
}

static inline bool entry_holds(const struct stack_entry *entry, uintptr_t frame)
{
    const uint64_t *words =
        (const uint64_t *)(table_stacks.base + TRACE_TABLE_OFFSET) + entry->id + 1;
    for (uint32_t i = 0; i < entry->count; i++)
        if (((const uint64_t *)frame)[entry->place[i]] != words[i])
            return false;
    return true;
}

/* Id of the stack above the function of unmodified code that was asked for last, if it is that of this one; else 0. */
static inline uint32_t stack_last(const struct thread *thread, uintptr_t function, uintptr_t sp)
{
    const struct stack_cache *cache = thread->stacks;
    const struct stack_entry *entry = cache ? cache->last_site : NULL;
    if (LIKELY(entry) && LIKELY(entry->key == stack_key(cache, function) && entry->frame == sp) &&
        LIKELY(entry_holds(entry, sp)))
        return entry->id;
    return 0;
}

#endif
