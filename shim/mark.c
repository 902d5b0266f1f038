/*
 * Marked bytes. In machine code an atomic variable looks like any other: a release store is a plain mov. But it is given
 * away by the instructions with LOCK that touch it, by futex calls on it, by being a once or guard word. Such a byte is
 * marked from then on, and plain instructions that touch it are taken to be atomic: a store is a release, a load an
 * acquire. The marks are exact to the byte (8-byte marks hid a real race), and end with their block: mark_clear() is
 * called when memory is allocated, and for frames that are over (mark_stack.c).
 *
 * Invariant: a line's word only ever gains bits while its block or frame lives; the byte of its page was set before.
 *
 * One bit for each byte of memory, in leaves for 2 MB each that are made when something in them is marked: what never was
 * near an atomic costs two loads. A leaf of 262 KB is reserved, and touched as far as there are marks.
 */
#include "shim/mark.h"

#include "shim/banned.h"
#include "shim/spin.h"

struct mark_level *mark_top[MARK_TOPS]; /* 1 MB, of which a page is touched for each 512 GB used */

bool mark_expedited;

static struct spin mark_lock; /* held while a level or leaf is made */

static NOINLINE struct mark_leaf *leaf_make(uintptr_t address)
{
    struct mark_level **top = &mark_top[address / MARK_TOP % MARK_TOPS];
    spin_lock(&mark_lock);
    if (!*top)
        __atomic_store_n(top, memory_get(sizeof **top), __ATOMIC_RELEASE);
    struct mark_leaf *leaf = NULL;
    if (*top) {
        struct mark_leaf **place = &(*top)->leaves[address / MARK_LEAF % (MARK_TOP / MARK_LEAF)];
        if (!*place)
            __atomic_store_n(place, memory_get(sizeof **place), __ATOMIC_RELEASE);
        leaf = *place;
    }
    spin_unlock(&mark_lock);
    return leaf;
}

static bool line_set(uintptr_t address, uint64_t mask)
{
    struct mark_leaf *leaf = mark_leaf(address);
    if (UNLIKELY(!leaf)) {
        leaf = leaf_make(address);
        if (!leaf)
            return false;
    }
    uint64_t *line = &leaf->lines[address / MARK_LINE % (MARK_LEAF / MARK_LINE)];
    if ((__atomic_load_n(line, __ATOMIC_RELAXED) & mask) == mask)
        return false;
    __atomic_store_n(&leaf->pages[address / MARK_PAGE % (MARK_LEAF / MARK_PAGE)], 1,
                     __ATOMIC_RELAXED);
    return (__atomic_fetch_or(line, mask, __ATOMIC_SEQ_CST) & mask) != mask;
}

bool mark_set(uintptr_t address, size_t size)
{
    uintptr_t offset = address % MARK_LINE;
    uint64_t mask = ~UINT64_C(0) >> (MARK_LINE - size);
    bool fresh = line_set(address, mask << offset);
    if (offset + size > MARK_LINE)
        fresh |= line_set(address + MARK_LINE, mask >> (MARK_LINE - offset));
    return fresh;
}

/* The lines of one page: those on the edge only in part. */
static void page_clear(struct mark_leaf *leaf, uintptr_t low, uintptr_t high)
{
    for (uintptr_t at = low; at < high; at = (at & ~(uintptr_t)(MARK_LINE - 1)) + MARK_LINE) {
        uint64_t *line = &leaf->lines[at / MARK_LINE % (MARK_LEAF / MARK_LINE)];
        if (LIKELY(!*line))
            continue;
        uintptr_t start = at & ~(uintptr_t)(MARK_LINE - 1);
        uint64_t mask = ~UINT64_C(0) << (at - start);
        if (high - start < MARK_LINE)
            mask &= ~UINT64_C(0) >> (MARK_LINE - (high - start));
        __atomic_fetch_and(line, ~mask, __ATOMIC_RELAXED);
    }
}

static uintptr_t next_of(uintptr_t address, uint64_t unit, uintptr_t end)
{
    uintptr_t next = (address & ~(uintptr_t)(unit - 1)) + unit;
    return next < end ? next : end;
}

static void leaf_clear(struct mark_leaf *leaf, uintptr_t low, uintptr_t high)
{
    for (uintptr_t at = low, next; at < high; at = next) {
        next = next_of(at, MARK_PAGE, high);
        uint8_t *page = &leaf->pages[at / MARK_PAGE % (MARK_LEAF / MARK_PAGE)];
        if (!*page)
            continue;
        page_clear(leaf, at, next);
        if (next - at == MARK_PAGE)
            *page = 0;
    }
}

void mark_clear(uintptr_t address, size_t size)
{
    uintptr_t end = address + size;
    for (uintptr_t at = address, next; at < end; at = next) {
        const struct mark_level *level = mark_top[at / MARK_TOP % MARK_TOPS];
        if (!level) {
            next = next_of(at, MARK_TOP, end);
            continue;
        }
        next = next_of(at, MARK_LEAF, end);
        struct mark_leaf *leaf = level->leaves[at / MARK_LEAF % (MARK_TOP / MARK_LEAF)];
        if (leaf)
            leaf_clear(leaf, at, next);
    }
}

void mark_fork_child(void)
{
    spin_reset(&mark_lock);
}
