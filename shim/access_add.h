/*
 * An access to bytes of one line: through the filter into its site's open record, or to what is gathered. For access.c and
 * access_near.c.
 */
#ifndef SHIM_ACCESS_ADD_H
#define SHIM_ACCESS_ADD_H

#include "shim/mark.h"
#include "shim/open.h"
#include "shim/patch.h"

/* The place of a line, empty or another line's, becomes this one's. */
static inline struct filter_entry *filter_entry_new(struct access_state *state,
                                                    const struct filter *filter, uintptr_t address,
                                                    uint64_t tag)
{
    struct filter_entry *entry = filter_entry(filter, address);
    if (entry->tag && UNLIKELY(--state->evictions_left == 0)) {
        access_filter_grow(state);
        entry = filter_entry(filter, address);
    }
    filter_enter(state, entry, tag);
    return entry;
}

static inline bool access_in_line(uintptr_t address, size_t size)
{
    return size - 1 < LINE_BYTES - address % LINE_BYTES;
}

static inline uint64_t access_mask(uintptr_t address, size_t size)
{
    return ~UINT64_C(0) >> (LINE_BYTES - size) << address % LINE_BYTES;
}

/* A line with marked bytes was entered: open records of it may have been made before these were marked. */
NOINLINE void access_near_forget(uintptr_t line);

/* After open_ready. False: the line was not known before. */
static inline __attribute__((always_inline)) bool access_add(
    struct thread *thread, struct access_state *state, uintptr_t line, uint64_t mask, uint32_t kind,
    uintptr_t pc, uint32_t slot, bool alone, uint32_t site)
{
    if (UNLIKELY(access_fast.gathering))
        return gather_add(thread, state, line, mask, kind, pc, slot, alone, site);
    uint64_t tag = line ^ filter_class(kind);
    struct filter *reads = &access_fast.reads,
                  *news = kind & TRACE_KIND_WRITE ? &access_fast.writes : reads;
    struct filter_entry *entry = filter_entry(news, line);
    if (kind & TRACE_KIND_WRITE)
        __builtin_prefetch(filter_entry(reads, line));
    bool known = entry->tag == tag;
    if (!known)
        entry = filter_entry_new(state, news, line, tag);
    uint64_t fresh = mask & entry->unseen;
    entry->unseen &= ~mask;
    if (kind & TRACE_KIND_WRITE) {
        entry = filter_entry(reads, line);
        if (entry->tag != tag) {
            entry = filter_entry_new(state, reads, line, tag);
            known = false;
        }
        entry->unseen &= ~mask;
    }
    if (fresh && !alone)
        open_add(thread, state, line, fresh, kind, pc, slot, site);
    if (UNLIKELY(patch_on) && !known) {
        mark_look();
        if (UNLIKELY(mark_of_line(line)) && !alone)
            access_near_forget(line);
    }
    return known;
}

#endif
