/*
 * Long segments. After the first `sites=` records of a segment of unmodified code, what it does to a line is gathered in the
 * filter, and becomes one record for its reads and one for its writes when the segment ends or another line takes the place.
 * The records name the instruction and call stack that touched the line first, and say whether others did after it
 * (TRACE_SIZE_SEVERAL). Which bytes were touched, in which way and by which segment is as exact as with sites=all: so the
 * same tasks race at the same bytes. Reads are kept apart from writes of the same bytes: a word that is waited for, and then
 * stored to, may order what comes between.
 *
 * Bytes that are new in a line which the filter knows are added by copies themselves, whoever touches them: that and the
 * smaller trace are what this is for. Atomic accesses, and those of instrumented modules, are recorded each as it is.
 *
 * Invariant: what is gathered belongs to the task and segment that the stream names last, to the present generation
 * and to one held set. An entry with something to write is in the list, which is not empty while lines are put aside. It lies in memory of the process alone: a thread
 * that is killed by SIGKILL loses what it has gathered since its segment began, and the report of such a process says
 * that it is incomplete.
 */
#include "shim/gather.h"

#include "shim/banned.h"
#include "shim/context.h"
#include "shim/mark.h"
#include "shim/open.h"
#include "shim/options.h"
#include "shim/patch.h"
#include "shim/stream.h"
#include "trace/line.h"

#define BLOCK_LINES 2048u /* of more lines of a block all is written */

/* The entry of a line in either filter. */
static inline struct filter_entry *entry_among(const struct access_state *state, uint64_t line,
                                               bool reads)
{
    size_t count = (size_t)1 << state->entries_log2;
    size_t number = line / LINE_BYTES;
    return state->entries + (reads ? number & (count - 1) : count + (number & (count / 2 - 1)));
}

/* It is kept to be written among others that were, and the line is forgotten: a later record must not tell these bytes
 * again, which may be another block's by then. */
static void gather_put_aside(struct thread *thread, struct access_state *state,
                             struct filter_entry *entry)
{
    struct gather_order *by = &state->gather_order;
    struct gathered *g = gathered_of(entry);
    if (g->pc && ~entry->unseen) {
        by->lines[by->aside++] =
            (struct gather_line){gathered_word(g), line_of(entry->tag), ~entry->unseen, g->context};
        if (by->aside == GATHER_ASIDE)
            gather_write_aside(thread, state);
    }
    g->pc = 0;
    entry->tag = 0;
}

void gather_write_range(struct thread *thread, struct access_state *state, uintptr_t low,
                        uintptr_t high)
{
    if (!state->gather_count && !access_fast.gathering)
        return;
    /* With nothing to write, too: lines may be known by bytes that have records of their own. */
    patch_words_forget();
    patch_spans_forget_range(state, low, high);
    uintptr_t line = low & ~(uintptr_t)(LINE_BYTES - 1);
    if (high - line > (uintptr_t)BLOCK_LINES * LINE_BYTES) {
        access_new_generation(state);
        return;
    }
    for (; line < high; line += LINE_BYTES)
        for (uint32_t i = 0; i < 2; i++) {
            struct filter_entry *entry = entry_among(state, line, i);
            if (((entry->tag ^ line) & ~FILTER_CLOSED) == 0)
                gather_put_aside(thread, state, entry);
        }
    gather_write_aside(thread, state);
}

void gather_write_old(struct thread *thread, struct access_state *state, uint32_t oldest)
{
    if (state->gather_oldest >= oldest)
        return;
    patch_words_forget();
    uint32_t count = state->gather_count, left = 0, old = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct filter_entry *entry = state->entries + state->gather_list[i];
        const struct gathered *g = gathered_of(entry);
        if (!g->pc)
            continue;
        if (g->context < oldest) {
            gather_put_aside(thread, state, entry);
            continue;
        }
        state->gather_list[left++] = state->gather_list[i];
        old = g->context < old ? g->context : old;
    }
    gather_write_aside(thread, state);
    state->gather_count = left;
    state->gather_oldest = old;
}

/* The place of a line, empty or another line's, becomes this one's. */
static struct filter_entry *entry_enter(struct thread *thread, struct access_state *state,
                                        const struct filter *filter, uintptr_t line, uint64_t class)
{
    struct filter_entry *entry = filter_entry(filter, line);
    if (entry->tag) {
        if (UNLIKELY(--state->evictions_left == 0)) {
            access_filter_grow(state);
            entry = filter_entry(filter, line);
        }
        if (entry->tag)
            gather_put_aside(thread, state, entry);
    }
    filter_enter(state, entry, line ^ class);
    *gathered_of(entry) = (struct gathered){.site = GATHERED_SLOW};
    return entry;
}

void gather_begin(struct access_state *state)
{
    access_fast.gathering = 1;
    access_new_generation(state);
}

static inline void gather_first(struct access_state *state, struct filter_entry *entry,
                                uintptr_t line, uint64_t word, uint32_t context, uint32_t site)
{
    if (!(site & ~GATHERED_SEVERAL) || (patch_on && mark_of_line(line)))
        site |= GATHERED_SLOW;
    *gathered_of(entry) = (struct gathered){word, context, site};
    if (!state->gather_count) {
        state->gather_oldest = context;
    } else if (context < state->gather_oldest) {
        state->gather_oldest = context;
    }
    state->gather_list[state->gather_count++] = (uint32_t)(entry - state->entries);
}

/* New bytes of a line that was known (else there is nothing to look at). */
static inline void gather(struct access_state *state, struct filter_entry *entry, uintptr_t line,
                          uint32_t kind, uintptr_t pc, uint32_t site, bool known)
{
    struct gathered *g = gathered_of(entry);
    uint64_t word = pc | (uint64_t)kind << GATHERED_KIND;
    uint32_t context = context_present();
    if (known && g->pc) {
        if (g->pc != word || g->context != context)
            g->site = GATHERED_SEVERAL | (g->site & GATHERED_SLOW);
        return;
    }
    if (known)
        site |= g->site & GATHERED_SEVERAL;
    gather_first(state, entry, line, word, context, site);
}

bool gather_add(struct thread *thread, struct access_state *state, uintptr_t line, uint64_t mask,
                uint32_t kind, uintptr_t pc, uint32_t slot, bool alone, uint32_t site)
{
    if (UNLIKELY(state->gather_count == state->entries_count))
        gather_write(thread, state);
    uint64_t class = filter_class(kind);
    bool known = true;
    const struct filter *filter =
        kind & TRACE_KIND_WRITE ? &access_fast.writes : &access_fast.reads;
    struct filter_entry *entry = filter_entry(filter, line);
    if (entry->tag != (line ^ class)) {
        entry = entry_enter(thread, state, filter, line, class);
        known = false;
    }
    uint64_t fresh = mask & entry->unseen;
    entry->unseen &= ~mask;
    if (fresh && !alone) {
        if (!site)
            site = state->gather_site;
        if (!(kind & TRACE_KIND_ATOMIC) && (site || kind & TRACE_KIND_RANGE)) {
            gather(state, entry, line, kind, pc, site, known);
        } else {
            open_add(thread, state, line, fresh, kind, pc, slot, 0);
            gathered_of(entry)->site |= GATHERED_SEVERAL;
        }
    }
    if (UNLIKELY(patch_on) && !known) {
        mark_look();
        if (UNLIKELY(mark_of_line(line)) && !alone)
            gathered_of(entry)->site |= GATHERED_SLOW;
    }
    return known;
}
