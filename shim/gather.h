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

static inline uint8_t gathered_kind(const struct gathered *g)
{
    uint8_t kind = (uint8_t)(g->pc >> GATHERED_KIND);
    if (g->site & GATHERED_SEVERAL)
        kind = (uint8_t)((kind & TRACE_KIND_WRITE) | TRACE_SIZE_SEVERAL << 4);
    return kind;
}

static inline uint64_t gathered_pc(const struct gathered *g)
{
    return g->pc & ((UINT64_C(1) << GATHERED_KIND) - 1);
}

#endif
