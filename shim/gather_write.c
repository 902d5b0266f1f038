/*
 * What was gathered becomes records, in an order that takes few bytes: by place in the filter, which for lines near each
 * other is their order in memory, and among up to TILE of them by site. Then a record's site is nearly always the one
 * before, its line one byte, and lines that one site touched alike are rows, in whatever order it came to them. Within a
 * segment the order of records tells nothing but what stands before an ALLOC or FREE, and what concerns these is written
 * then.
 *
 * Invariant: between two calls no bit is set in gather_bits, and no site has a rank.
 */
#include "shim/gather.h"

#include "shim/banned.h"
#include "shim/stream.h"
#include "trace/line.h"

#define AHEAD       16u
#define GROUP_SHIFT 10u /* places in the filter that are looked at together */
#define GROUPS      (((size_t)3 << (FILTER_LARGE - 1)) >> GROUP_SHIFT)
static_assert(GROUPS % 64 == 0 && FILTER_FIRST >= 7, "whole words");

/* Lines that one site touched alike, one behind the other. */
struct row {
    struct gather_line last;
    uint32_t run;
};

static inline uint8_t *row_put(struct access_state *state, uint8_t *p, const struct row *row)
{
    const struct gather_line *last = &row->last;
    uint64_t pc = word_pc(last->word);
    uint8_t kind = word_kind(last->word);
    if (LIKELY(!row->run))
        return line_put(&state->codec, p, kind, pc, last->line, last->mask, last->context, true);
    return trace_line_put(&state->codec, p, kind, pc, last->line - (uint64_t)row->run * LINE_BYTES,
                          last->mask, last->context, row->run, 1);
}

static inline bool row_extend(struct row *row, const struct gather_line *next)
{
    struct gather_line *last = &row->last;
    if (next->line != last->line + LINE_BYTES || last->word != next->word ||
        last->mask != next->mask || last->context != next->context || row->run >= TRACE_RUN_MAX)
        return false;
    row->run++;
    last->line = next->line;
    return true;
}

/* The list in ascending order, each place once. Returns how many there are. */
static uint32_t list_sort(struct access_state *state)
{
    uint32_t *list = state->gather_list, count = state->gather_count;
    uint64_t *bits = state->gather_bits, groups[GROUPS / 64] = {0};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = list[i], group = place >> GROUP_SHIFT;
        bits[place / 64] |= UINT64_C(1) << place % 64;
        groups[group / 64] |= UINT64_C(1) << group % 64;
    }
    uint32_t words = state->gather_room / 64;
    count = 0;
    for (uint32_t i = 0; i < GROUPS / 64; i++)
        for (; groups[i]; groups[i] &= groups[i] - 1) {
            uint32_t group = i * 64 + (uint32_t)__builtin_ctzll(groups[i]);
            uint32_t word = group << (GROUP_SHIFT - 6), end = word + (1u << (GROUP_SHIFT - 6));
            for (; word < end && word < words; word++) {
                for (uint64_t left = bits[word]; left; left &= left - 1)
                    list[count++] = word * 64 + (uint32_t)__builtin_ctzll(left);
                bits[word] = 0;
            }
        }
    return count;
}

/* An entry that gather_write will look at is on its way into the cache. */
static inline void entry_fetch(const struct access_state *state, uint32_t place)
{
    struct filter_entry *entry = state->entries + place;
    __builtin_prefetch(entry);
    __builtin_prefetch(gathered_of(entry), 1);
}

/* lines[] becomes what is to be written of list[0, count), and order[] that by site: sites in the order in which they
 * appear. Returns how many. */
static uint32_t tile_order(struct access_state *state, const uint32_t *list, uint32_t count)
{
    struct gather_order *by = &state->gather_order;
    uint32_t sites = 0, left = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (LIKELY(i + AHEAD < count))
            entry_fetch(state, list[i + AHEAD]);
        const struct filter_entry *entry = state->entries + list[i];
        const struct gathered *g = gathered_of(entry);
        if (!g->pc || !~entry->unseen)
            continue;
        struct gather_line *line = &by->lines[left];
        *line =
            (struct gather_line){gathered_word(g), line_of(entry->tag), ~entry->unseen, g->context};
        uint32_t site = site_bucket(word_pc(line->word), word_kind(line->word));
        uint32_t rank = by->rank[site];
        if (UNLIKELY(!rank)) {
            by->sites[sites] = (uint16_t)site;
            rank = by->rank[site] = (uint16_t)++sites;
            by->next[rank] = 0;
        }
        by->next[rank]++;
        by->of[left++] = (uint16_t)rank;
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < sites; i++) {
        uint32_t here = by->next[i + 1];
        by->next[i + 1] = (uint16_t)sum;
        sum += here;
        by->rank[by->sites[i]] = 0;
    }
    for (uint32_t i = 0; i < left; i++)
        by->order[by->next[by->of[i]]++] = (uint16_t)i;
    return left;
}

static bool tile_write(struct thread *thread, struct access_state *state, const uint32_t *list,
                       uint32_t count)
{
    const struct gather_order *by = &state->gather_order;
    count = tile_order(state, list, count);
    if (!count)
        return true;
    struct row row = {by->lines[by->order[0]], 0};
    for (uint32_t from = 1, to; from <= count; from = to) {
        to = count - from < BATCH_MAX ? count : from + BATCH_MAX;
        uint8_t *p = stream_begin(&thread->access_stream);
        if (!p)
            return false;
        for (uint32_t i = from; i < to; i++) {
            const struct gather_line *next = &by->lines[by->order[i]];
            if (row_extend(&row, next))
                continue;
            p = row_put(state, p, &row);
            row = (struct row){*next, 0};
        }
        if (to == count) {
            p = row_put(state, p, &row);
            to++;
        }
        stream_commit(&thread->access_stream, p);
    }
    return true;
}

void gather_write(struct thread *thread, struct access_state *state)
{
    if (!state->gather_count)
        return;
    uint32_t count = list_sort(state);
    for (uint32_t from = 0, size; from < count; from += size) {
        size = count - from < GATHER_TILE ? count - from : GATHER_TILE;
        if (!tile_write(thread, state, state->gather_list + from, size))
            break;
    }
    state->gather_count = 0;
    if (thread == thread_current && state->gather_tag == access_fast.tag)
        access_new_generation(state); /* else copies would add to what is written */
}
