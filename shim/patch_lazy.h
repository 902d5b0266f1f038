/* Modules whose functions are copied when they are first called: see patch_lazy.c. */
#ifndef SHIM_PATCH_LAZY_H
#define SHIM_PATCH_LAZY_H

#include "shim/patch_area.h"

/* Bytes of a copy: ways to the stubs, then slots, one for each entry of the module. */
#define LAZY_WAYS  64u
#define LAZY_SLOT  16u
#define LAZY_ENTER 10u /* where in a slot control arrives */

/* Memories of one module's copies: each is made when the one before is full, and larger. */
#define LAZY_AREAS 8u

struct patch_lazy {
    struct patch_image image; /* functions: all; instructions: none */
    struct patch_place_table *table;
    struct area areas[LAZY_AREAS]; /* the last one is written; the first begins with the slots */
    uint32_t area_count;
    size_t
        code; /* bytes of the last area that are for code; behind it, in the first, the targets */
    size_t plain;        /* in each: all functions without checks, should there be no other */
    bool full;           /* and there is no memory for another area */
    uint32_t *entries;   /* per slot: offset in the text; ascending */
    uintptr_t *targets;  /* per slot */
    int32_t *places;     /* per byte of text: how far from the text its copy is; 0: not copied */
    uint8_t *memory;     /* of what is kept: functions, marks, entries, maybe bytes */
    const uint8_t *file; /* the text as it was; NULL: it was copied */
    size_t memory_size;
    uint32_t slots;
    uint64_t room; /* instructions of the largest group */
    volatile uint32_t generation;
    uintptr_t low; /* 0: not used */
};

/* patch_lazy.c, under patch_lock() */

/*
 * The image has been scanned and its entries are planned: makes the slots that they are to lead to, sets image->places of
 * the instructions that have one, and keeps what is needed later. NULL: it is to be patched at once, as if nothing was.
 */
struct patch_lazy *patch_lazy_begin(struct patch_image *image);
/* The module whose text begins at `low` is gone; false: it was none of these. */
bool patch_lazy_forget(uintptr_t low);
struct patch_lazy *patch_lazy_of(uintptr_t slot);
/* The area being written. */
static inline struct area *lazy_area(struct patch_lazy *lazy)
{
    return &lazy->areas[lazy->area_count - 1];
}
/* Another area, and a table for it; false: there is none to be had, and all is as it was. */
bool patch_lazy_grow(struct patch_lazy *lazy);
/* The modules, one by one; NULL behind the last. One whose `low` is 0 is none. */
struct patch_lazy *patch_lazy_at(uint32_t index);

/* patch_lazy_copy.c */

/* Where control goes for the instruction at `offset` of the text. */
uintptr_t patch_lazy_place(const struct patch_lazy *lazy, uint32_t offset);
/* Copies all that was not called yet: later nothing can be mapped. Any state of the thread. */
void patch_lazy_finish(void);
/* Can a fork child be told from its parent? Else nothing is lazy. */
bool patch_lazy_own(void);
extern uint32_t patch_lazy_generation;

/* Who rewrites, or uses up sites, holds it, with signals blocked or the guard up. */
void patch_lock(void);
void patch_unlock(void);
void patch_lock_reset(void);

#endif
