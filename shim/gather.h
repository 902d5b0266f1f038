/*
 * What the two sides of gathering share: gather.c, where accesses come in, and gather_write.c, where they become records.
 */
#ifndef SHIM_GATHER_H
#define SHIM_GATHER_H

#include "shim/access_state.h"

static inline uint64_t line_of(uint64_t tag)
{
    return tag & (FILTER_ATOMIC - LINE_BYTES);
}

/* pc and kind of what is written. */
static inline uint64_t gathered_word(const struct gathered *g)
{
    const uint64_t both = (UINT64_C(1) << GATHERED_KIND) * (1 + TRACE_KIND_WRITE) - 1;
    const uint64_t several = (uint64_t)TRACE_SIZE_SEVERAL << (GATHERED_KIND + 4);
    return g->site & GATHERED_SEVERAL ? (g->pc & both) | several : g->pc;
}

static inline uint8_t word_kind(uint64_t word)
{
    return (uint8_t)(word >> GATHERED_KIND);
}

static inline uint64_t word_pc(uint64_t word)
{
    return word & ((UINT64_C(1) << GATHERED_KIND) - 1);
}

/* gather_write.c: writes what was put aside. */
void gather_write_aside(struct thread *thread, struct access_state *state);

#endif
