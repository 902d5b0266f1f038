/*
 * Memory for the recorder itself: bump allocation from anonymous mappings. The lock is held for some
 * instructions; what is no longer needed goes into pools of its users, never back.
 */
#include <sys/mman.h>

#include "shim/shim.h"

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/spin.h"

#define ARENA    ((size_t)256 << 10)
#define HUGE     ((size_t)2 << 20)
#define HUGEPAGE 14 /* madvise(2) */

static struct spin memory_lock;
static uint8_t *arena, *arena_end;

static void *memory_map(size_t size)
{
    return raw_map(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
}

/* A piece of the arena. `fresh`, if given, becomes the arena where the rest of the old one is too small; else it goes back. */
static void *piece_take(size_t size, uint8_t *fresh)
{
    void *piece = NULL;
    spin_lock(&memory_lock);
    if ((size_t)(arena_end - arena) < size && fresh) {
        arena = fresh;
        arena_end = fresh + ARENA;
        fresh = NULL;
    }
    if ((size_t)(arena_end - arena) >= size) {
        piece = arena;
        arena += size;
    }
    spin_unlock(&memory_lock);
    if (fresh)
        raw2(SYS_munmap, fresh, ARENA);
    return piece;
}

/* Nothing is mapped under the lock: that waits for whoever else changes the address space. */
void *memory_get(size_t size)
{
    size = (size + 63) & ~(size_t)63;
    if (size > ARENA / 4)
        return memory_map((size + 4095) & ~(size_t)4095);
    void *piece = piece_take(size, NULL);
    if (piece)
        return piece;
    uint8_t *fresh = memory_map(ARENA);
    return fresh ? piece_take(size, fresh) : NULL;
}

/* What is mapped before and behind it goes back. */
void *memory_get_aligned(size_t size)
{
    uint8_t *low = memory_map(size + HUGE);
    if (!low)
        return NULL;
    uintptr_t before = -(uintptr_t)low % HUGE;
    uint8_t *pages = low + before;
    if (before)
        raw2(SYS_munmap, low, before);
    raw2(SYS_munmap, pages + size, HUGE - before);
    return pages;
}

void memory_huge(void *pages, size_t size)
{
    raw3(SYS_madvise, pages, size, HUGEPAGE);
}

/* Of a piece that another thread was about to take, or to make room for, nothing is known in the child. */
void memory_fork_child(void)
{
    if (memory_lock.taken)
        arena = arena_end = NULL;
    spin_reset(&memory_lock);
}
