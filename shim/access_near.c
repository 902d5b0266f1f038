/*
 * The short way of patched code: what a copy's check did not find in the filter, while the thread's context is still the
 * one of its last record (patch_stub.c calls this instead of access_record_of()). All that is kept of the long way is what
 * may change without the thread's doing: a mark of another thread on the line, and the recorder's own end.
 *
 * Invariant: it says true only if the access is recorded and no byte of its lines was marked before; where it says false
 * nothing that the long way would miss has been done.
 */
#include "shim/access_add.h"

#include "shim/banned.h"
#include "shim/options.h"

void access_near_forget(struct access_state *state, uintptr_t line)
{
    for (uint32_t i = 0; i < state->order_count; i++) {
        struct trace_open *entry = &access_fast.table[state->order[i]];
        if (entry->line == line)
            open_near(entry, open_near_word(entry->stride, 0));
    }
}

/* The guard goes up for an access that begins in this line; false: it must go the long way. */
static inline bool near_begin(struct thread *thread, uintptr_t address, uintptr_t line)
{
    if (UNLIKELY(mark_of_line(line)))
        return false;
    thread->busy = 1;
    STORE_BARRIER();
    /* Behind that: who ends the process writes what this thread has gathered, once it sees that it is not busy. */
    if (UNLIKELY(shim_state != SHIM_ON || !shim_options.accesses)) {
        thread_leave(thread);
        return false;
    }
    __builtin_prefetch((const void *)address); /* the program is about to, and may wait for it */
    return true;
}

static NOINLINE bool near_crossing(uintptr_t address, const struct patch_site *site,
                                   uint32_t number)
{
    struct thread *thread = thread_current;
    uint32_t size = site->size, offset = address % LINE_BYTES, over = offset + size - LINE_BYTES;
    uintptr_t line = address - offset, next = line + LINE_BYTES;
    if (access_crossing_seen(address, size, site->kind & TRACE_KIND_WRITE))
        return true;
    if (UNLIKELY(size > LINE_BYTES || mark_of_line(next)) || !near_begin(thread, address, line))
        return false;
    thread->access->gather_site = number;
    bool known = access_add(thread, thread->access, line, ~UINT64_C(0) << offset, site->kind,
                            site->pc + 1, site->slot, false, 0);
    known &= access_add(thread, thread->access, next, ~UINT64_C(0) >> (LINE_BYTES - over),
                        site->kind, site->pc + 1, site->slot, false, number);
    thread->access->gather_site = 0;
    bool marked = !known && (mark_of_line(line) || mark_of_line(next));
    if (UNLIKELY(marked)) {
        access_forget_everywhere(line);
        access_forget_everywhere(next);
    }
    thread_leave(thread);
    return LIKELY(!marked);
}

/* The filter has the bytes, and had the line before if it was `known`. */
static inline bool near_end(struct thread *thread, uintptr_t line, bool known)
{
    if (!known)
        mark_look();
    bool marked = !known && mark_of_line(line); /* since then: as if nothing had been done yet */
    if (UNLIKELY(marked)) {
        access_near_forget(thread->access, line);
        access_forget_everywhere(line);
    }
    thread_leave(thread);
    return LIKELY(!marked);
}

static inline bool near_is(uintptr_t address, const struct patch_site *site)
{
    return LIKELY(site->action == PATCH_ACCESS) &&
           LIKELY(site->size <= LINE_BYTES - address % LINE_BYTES);
}

static NOINLINE bool near_gathered(uintptr_t address, const struct patch_site *site,
                                   uint32_t number)
{
    struct thread *thread = thread_current;
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    if (UNLIKELY(!near_is(address, site)))
        return site->action == PATCH_ACCESS && near_crossing(address, site, number);
    if (!near_begin(thread, address, line))
        return false;
    bool known = gather_add(thread, thread->access, line, access_mask(address, site->size),
                            site->kind, site->pc + 1, site->slot, false, number);
    return near_end(thread, line, known);
}

/* What near_exact() leaves, guard up. */
static NOINLINE bool near_rest(struct thread *thread, uintptr_t address,
                               const struct patch_site *site, uint32_t number)
{
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    bool known = access_add(thread, thread->access, line, access_mask(address, site->size),
                            site->kind, site->pc + 1, site->slot, false, number);
    return near_end(thread, line, known);
}

/* The filter has the bytes already, of which `fresh` are still to be recorded. */
static NOINLINE bool near_add(struct thread *thread, uintptr_t line, const struct patch_site *site,
                              uint64_t fresh, bool known, uint32_t number)
{
    open_add(thread, thread->access, line, fresh, site->kind, site->pc + 1, site->slot, number);
    return near_end(thread, line, known);
}

/* A place of the filter becomes that of `tag`, unless another line of this generation has it: then false. */
static inline bool entry_take(struct filter_entry *entry, uint64_t tag, bool *known)
{
    if (entry->tag == tag)
        return true;
    if ((entry->tag ^ tag) >> GENERATION_SHIFT == 0)
        return false;
    *known = false;
    *entry = (struct filter_entry){tag, ~UINT64_C(0)};
    return true;
}

/*
 * Only what most accesses of short segments need, which come here with each line anew. (Counted by single steps in the
 * hash table of the bench: 100 instructions with near_add(), 114 before; 20 in its caller, 29 before.)
 */
static inline bool near_exact(uintptr_t address, const struct patch_site *site, uint32_t number)
{
    struct thread *thread = thread_current;
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    if (!near_begin(thread, address, line))
        return false;
    uint64_t mask = access_mask(address, site->size), tag = line ^ access_fast.tag;
    struct filter_entry *reads = filter_entry(&access_fast.reads, line), *news = reads;
    bool known = true;
    if (site->kind & TRACE_KIND_WRITE) {
        news = filter_entry(&access_fast.writes, line);
        if (UNLIKELY(!entry_take(news, tag, &known)))
            return near_rest(thread, address, site, number);
    }
    if (UNLIKELY(!entry_take(reads, tag, &known)))
        return near_rest(thread, address, site, number);
    uint64_t fresh = mask & news->unseen;
    news->unseen &= ~mask;
    if (news != reads)
        reads->unseen &= ~mask;
    if (fresh) {
        struct trace_open *entry = &access_fast.table[site->slot];
        if (entry->mask)
            return near_add(thread, line, site, fresh, known, number);
        struct access_state *state = thread->access;
        state->order[state->order_count++] = site->slot;
        open_fill(entry, line, fresh, site->kind, site->pc + 1, number);
    }
    return near_end(thread, line, known);
}

bool access_near(uintptr_t address, const struct patch_site *site, uint32_t number)
{
    if (access_fast.gathering || UNLIKELY(!near_is(address, site)))
        return near_gathered(address, site, number);
    return near_exact(address, site, number);
}
