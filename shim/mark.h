/*
 * Marked bytes: memory that unmodified programs use for synchronisation. See mark.c.
 */
#ifndef SHIM_MARK_H
#define SHIM_MARK_H

#include "shim/shim.h"

#define MARK_LINE 64u
#define MARK_LEAF (UINT64_C(1) << 21) /* bytes of memory that one leaf stands for */
#define MARK_TOP  (UINT64_C(1) << 30) /* bytes that one entry of the top level stands for */
#define MARK_PAGE 4096u

struct mark_leaf {
    uint64_t lines[MARK_LEAF / MARK_LINE]; /* bit i: byte i of the line is marked */
    uint8_t pages[MARK_LEAF / MARK_PAGE];  /* 1: a byte of this page may be marked */
};

struct mark_level {
    struct mark_leaf *leaves[MARK_TOP / MARK_LEAF];
};

#define MARK_TOPS (UINT64_C(1) << (47 - 30))
extern struct mark_level *mark_top[MARK_TOPS] INNER;

static inline struct mark_leaf *mark_leaf(uintptr_t address)
{
    const struct mark_level *level =
        __atomic_load_n(&mark_top[address / MARK_TOP % MARK_TOPS], __ATOMIC_RELAXED);
    return LIKELY(!level)
               ? NULL
               : __atomic_load_n(&level->leaves[address / MARK_LEAF % (MARK_TOP / MARK_LEAF)],
                                 __ATOMIC_RELAXED);
}

/* Which bytes of the line at (or around) `address` are marked. Few pages have any: their bytes stay in the cache, where the
 * words of lines would not. */
static inline uint64_t mark_of_line(uintptr_t address)
{
    const struct mark_leaf *leaf = mark_leaf(address);
    if (LIKELY(!leaf) ||
        LIKELY(!__atomic_load_n(&leaf->pages[address / MARK_PAGE % (MARK_LEAF / MARK_PAGE)],
                                __ATOMIC_RELAXED)))
        return 0;
    return __atomic_load_n(&leaf->lines[address / MARK_LINE % (MARK_LEAF / MARK_LINE)],
                           __ATOMIC_RELAXED);
}

/*
 * Who enters a line into a filter looks at the marks once more behind that, with this in between; who marks makes all
 * threads pass a barrier, if the system can (mark_expedited): then none is needed here, where time matters.
 */
extern bool mark_expedited INNER;
static inline void mark_look(void)
{
    if (LIKELY(mark_expedited))
        __asm__ volatile("" ::: "memory");
    else
        __asm__ volatile("lock orl $0, (%%rsp)" ::: "memory", "cc");
}

/* Marks [address, address + size), size at most MARK_LINE; true if some of it was not marked before. A full barrier. */
bool mark_set(uintptr_t address, size_t size);
/* The block is another's from now on. Cheap where nothing is marked. */
void mark_clear(uintptr_t address, size_t size);
/* A fork child: the lock may have been another thread's. */
void mark_fork_child(void);

#endif
