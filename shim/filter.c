/*
 * Where filters lie. A thread's filter is small at first, larger where it thrashes, and goes back to a pool of its size when
 * the thread ends or has outgrown it.
 *
 * Arenas: so many bytes for entries, and, FILTER_GATHERED behind each entry, its struct gathered. That distance is the same
 * for all filters, so that code may have it as a constant: a copy that adds bytes to what is gathered needs no register for
 * it (patch_near.c). Of an arena only what is touched takes memory.
 */
#include "shim/access_state.h"

#include "shim/banned.h"
#include "shim/options.h"
#include "shim/raw.h"
#include "shim/spin.h"

#define ARENA      ((size_t)8 << 20) /* of entries */
#define ARENA_ROOM ((ARENA + FILTER_GATHERED + 4095) & ~(size_t)4095)
#define HUGE       ((size_t)2 << 20)
#define LARGE_BYTES \
    ((size_t)32 << 20) /* all filters larger than FILTER_USUAL together, entries alone */
static_assert(FILTER_GATHERED >= ARENA, "entries and what is gathered do not overlap");

static struct spin filter_lock;
static size_t large_used;
/* Free filters by size. The first entry's `tag` links them, its `unseen` is the list. */
static struct filter_entry *pool[FILTER_LARGE + 1];
/* The rest of the present arena: for filters of ordinary pages, and of huge ones. */
static struct arena {
    uint8_t *rest, *end;
} arenas[2];

static size_t large_bytes(uint32_t log2)
{
    return log2 > FILTER_USUAL ? filter_bytes(log2) : 0;
}

/* Under the lock. */
static struct filter_entry *carve(uint32_t log2)
{
    bool huge = log2 >= FILTER_USUAL;
    struct arena *arena = &arenas[huge];
    size_t size = filter_bytes(log2);
    if ((size_t)(arena->end - arena->rest) < size) {
        arena->rest = memory_get_aligned(ARENA_ROOM);
        arena->end = arena->rest ? arena->rest + ARENA : NULL;
        if (!arena->rest)
            return NULL;
        if (huge)
            memory_huge(arena->rest, ARENA);
        if (log2 == FILTER_LARGE)
            memory_huge(arena->rest + ARENA, ARENA - HUGE);
    }
    struct filter_entry *entries = (struct filter_entry *)arena->rest;
    arena->rest += size;
    return entries;
}

static struct filter_entry *filter_make(uint32_t log2, uint32_t **list)
{
    size_t count = filter_bytes(log2) / sizeof(struct filter_entry);
    size_t bytes =
        shim_options.gather ? 2 * count * sizeof **list + count / 8 : count * sizeof **list;
    *list = memory_get(bytes);
    if (!*list)
        return NULL;
    spin_lock(&filter_lock);
    struct filter_entry *entries = carve(log2);
    spin_unlock(&filter_lock);
    return entries;
}

struct filter_entry *filter_get(uint32_t log2, uint32_t **list)
{
    spin_lock(&filter_lock);
    if (large_used + large_bytes(log2) > LARGE_BYTES) {
        spin_unlock(&filter_lock);
        return NULL;
    }
    large_used += large_bytes(log2);
    struct filter_entry *entries = pool[log2];
    if (entries)
        pool[log2] = (struct filter_entry *)(uintptr_t)(entries->tag & ~FILTER_CLOSED);
    spin_unlock(&filter_lock);
    if (entries) {
        *list = (uint32_t *)(uintptr_t)entries->unseen;
        raw_zero(entries, filter_bytes(log2));
        return entries;
    }
    entries = filter_make(log2, list);
    if (!entries) {
        spin_lock(&filter_lock);
        large_used -= large_bytes(log2);
        spin_unlock(&filter_lock);
    }
    return entries;
}

void filter_put(struct filter_entry *entries, uint32_t *list, uint32_t log2)
{
    spin_lock(&filter_lock);
    entries->tag = (uintptr_t)pool[log2];
    entries->unseen = (uintptr_t)list;
    pool[log2] = entries;
    large_used -= large_bytes(log2);
    spin_unlock(&filter_lock);
}

void filter_fork_child(void)
{
    if (filter_lock.taken)
        arenas[0] = arenas[1] = (struct arena){NULL, NULL};
    spin_reset(&filter_lock);
}
