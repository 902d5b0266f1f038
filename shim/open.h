/*
 * Entries of the open table: for who records.
 *
 * Those in use are bits of access_fast.order: what has a mask is, and what is has been emptied since or is being filled. An
 * entry that is not in use is of line 0; whose it was last it keeps, so that a copy may take it again (patch_near.c).
 *
 * They are told in the order in which what comes next is foreseen best: those of copies by slot, which sites that are near
 * one another have in turn; those of instrumented code, whose slots are by hash, as they came to be used.
 */
#ifndef SHIM_OPEN_H
#define SHIM_OPEN_H

#include "shim/access_state.h"

static inline void open_use(uint32_t slot)
{
    access_fast.order[slot / 64] |= UINT64_C(1) << slot % 64;
}

/* By instrumented code. */
static inline void open_use_in_turn(struct access_state *state, uint32_t slot)
{
    if (access_fast.order[slot / 64] >> slot % 64 & 1)
        return;
    open_use(slot);
    state->told[state->told_first++] = (uint8_t)slot;
}

/* The next entry in use from `*slot` on; NULL: there is no more. */
static inline struct trace_open *open_next(uint32_t *slot)
{
    while (*slot < TRACE_OPEN_ENTRIES) {
        uint64_t bits = access_fast.order[*slot / 64] >> *slot % 64;
        if (bits) {
            *slot += (uint32_t)__builtin_ctzll(bits) + 1;
            return &access_fast.table[*slot - 1];
        }
        *slot = (*slot | 63) + 1;
    }
    return NULL;
}

/* The entry becomes a record, and empty. It stays in use: for callers that fill it again, or tidy up. */
NOINLINE void open_emit(struct thread *thread, struct access_state *state,
                        struct trace_open *entry);

/* The site of an entry goes on to another line: the entry is parked or becomes a record, and is empty. */
NOINLINE void open_leave(struct thread *thread, struct access_state *state,
                         struct trace_open *entry);

/* For access_near(): the same, and the entry becomes that of these bytes; the guard goes down. True. */
bool open_go_on(struct thread *thread, struct trace_open *entry, uintptr_t line, uint64_t mask,
                const struct patch_site *site, uint32_t number);

/* The next line of a row: the lines before it become the run. */
static inline bool open_extend(struct trace_open *entry, uint64_t address, uint64_t mask,
                               uint32_t site)
{
    int64_t step = (int64_t)(address - entry->line);
    if (step != LINE_BYTES && step != -(int64_t)LINE_BYTES)
        return false;
    uint64_t before = entry->mask;
    if (entry->run && (before != entry->run_mask || (entry->stride < 0) != (step < 0) ||
                       entry->run >= TRACE_RUN_MAX))
        return false;
    entry->mask = 0;
    STORE_BARRIER();
    entry->run_mask = before;
    entry->run++;
    open_near(entry, open_near_word(step < 0 ? -1 : 1, site));
    entry->line = address;
    STORE_BARRIER();
    entry->mask = mask;
    return true;
}

/* An empty entry becomes that of these bytes. */
static inline void open_fill(struct trace_open *entry, uintptr_t line, uint64_t mask, uint32_t kind,
                             uintptr_t pc, uint32_t site)
{
    entry->line = line;
    entry->pc = pc;
    entry->run = 0;
    open_near(entry, open_near_word(1, site));
    uint64_t who = open_who(kind); /* in one store, as it is loaded: 12 cycles */
    __builtin_memcpy(&entry->kind, &who, sizeof who);
    STORE_BARRIER();
    entry->mask = mask;
}

/* Bytes `mask` of the line at address `line` become part of a record. After open_ready. */
static inline void open_add(struct thread *thread, struct access_state *state, uintptr_t line,
                            uint64_t mask, uint32_t kind, uintptr_t pc, uint32_t slot,
                            uint32_t site)
{
    struct trace_open *entry = &access_fast.table[slot];
    if (entry->mask) {
        if (entry->pc == pc && open_who_of(entry) == open_who(kind)) {
            if (entry->line == line) {
                entry->mask |= mask;
                if (site)
                    open_near(entry, open_near_word(entry->stride, site));
                return;
            }
            if (open_extend(entry, line, mask, site))
                return;
        }
        open_leave(thread, state, entry);
    } else if (site) {
        open_use(slot);
    } else {
        open_use_in_turn(state, slot);
    }
    open_fill(entry, line, mask, kind, pc, site);
}

#endif
