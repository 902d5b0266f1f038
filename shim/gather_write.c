/*
 * What was gathered becomes records, in an order that takes few bytes: by place in the filter, which for lines near each
 * other is their order in memory, and among up to TILE of them by site and context. So these are told once for many lines
 * (trace/lines.h), a line is mostly a byte and a mask, and lines that one site touched alike are rows, in whatever order it
 * came to them. What had to make way for another line is put aside, and written among the others. Within a segment the
 * order of records tells nothing but what stands before an ALLOC or FREE, and what concerns these is written then.
 *
 * Invariant: between two calls no bit is set in gather_bits, and no site has a rank.
 */
#include "shim/gather.h"

#include "shim/banned.h"
#include "shim/stream.h"
#include "trace/lines.h"

#define AHEAD       16u
#define GROUP_SHIFT 10u /* places in the filter that are looked at together */
#define GROUPS      (((size_t)3 << (FILTER_LARGE - 1)) >> GROUP_SHIFT)
static_assert(GROUPS % 64 == 0 && FILTER_FIRST >= 7, "whole words");
/* So many lines, one behind the other, that one site touched alike are a row, with a record of its own. */
#define ROW_MIN 8u

/* Is `next` what a row that begins with `first` has `far` lines on? */
static inline bool in_row(const struct gather_line *first, const struct gather_line *next,
                          uint32_t far)
{
    return next->line == first->line + (uint64_t)far * LINE_BYTES && next->mask == first->mask &&
           next->word == first->word && next->context == first->context;
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
    uint32_t words = state->entries_count / 64;
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

static inline uint32_t group_bucket(const struct gather_line *line)
{
    return (uint32_t)((line->word + line->context * UINT64_C(0x9e3779b1)) * 0x9e3779b97f4a7c15u >>
                      54);
}
static_assert(GATHER_BUCKETS == 1u << 10, "group_bucket");

/* The group of lines[i] is told, and counted. */
static inline void tile_count(struct gather_order *by, uint32_t i, uint32_t *groups)
{
    uint32_t bucket = group_bucket(&by->lines[i]), rank = by->rank[bucket];
    if (UNLIKELY(!rank)) {
        by->buckets[*groups] = (uint16_t)bucket;
        rank = by->rank[bucket] = (uint16_t)++ * groups;
        by->next[rank] = 0;
    }
    by->next[rank]++;
    by->of[i] = (uint16_t)rank;
}

/* lines[] becomes what is to be written: what was put aside, and list[0, count). order[] becomes that by site and context,
 * in the order in which these appear. Returns how many. */
static uint32_t tile_order(struct access_state *state, const uint32_t *list, uint32_t count)
{
    struct gather_order *by = &state->gather_order;
    uint32_t groups = 0, left = by->aside;
    for (uint32_t i = 0; i < left; i++)
        tile_count(by, i, &groups);
    for (uint32_t i = 0; i < count; i++) {
        if (LIKELY(i + AHEAD < count))
            entry_fetch(state, list[i + AHEAD]);
        const struct filter_entry *entry = state->entries + list[i];
        const struct gathered *g = gathered_of(entry);
        if (!g->pc || !~entry->unseen)
            continue;
        by->lines[left] =
            (struct gather_line){gathered_word(g), line_of(entry->tag), ~entry->unseen, g->context};
        tile_count(by, left++, &groups);
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < groups; i++) {
        uint32_t here = by->next[i + 1];
        by->next[i + 1] = (uint16_t)sum;
        sum += here;
        by->rank[by->buckets[i]] = 0;
    }
    for (uint32_t i = 0; i < left; i++)
        by->order[by->next[by->of[i]]++] = (uint16_t)i;
    by->aside = 0;
    return left;
}

/* How many lines from the i-th on are a row, if they are enough for one; else 1. */
static inline uint32_t row_length(const struct gather_order *by, uint32_t i, uint32_t count)
{
    const struct gather_line *first = &by->lines[by->order[i]];
    if (count - i < ROW_MIN || !in_row(first, &by->lines[by->order[i + ROW_MIN - 1]], ROW_MIN - 1))
        return 1;
    uint32_t length = 1;
    while (i + length < count && in_row(first, &by->lines[by->order[i + length]], length))
        length++;
    return length >= ROW_MIN ? length : 1;
}

/* Each row is in order[], as the place of its last line and how many there are. */
static bool rows_write(struct thread *thread, struct access_state *state, uint32_t count)
{
    const struct gather_order *by = &state->gather_order;
    for (uint32_t from = 0, to; from < count; from = to) {
        to = count - from < 2 * BATCH_MAX ? count : from + 2 * BATCH_MAX;
        uint8_t *p = stream_begin(&thread->access_stream);
        if (!p)
            return false;
        for (uint32_t i = from; i < to; i += 2) {
            const struct gather_line *last = &by->lines[by->order[i]];
            uint32_t run = by->order[i + 1] - 1u;
            p = trace_line_put(&state->codec, p, word_kind(last->word), word_pc(last->word),
                               last->line - (uint64_t)run * LINE_BYTES, last->mask, last->context,
                               run, 1);
        }
        stream_commit(&thread->access_stream, p);
    }
    return true;
}

static bool tile_write(struct thread *thread, struct access_state *state, const uint32_t *list,
                       uint32_t count)
{
    struct gather_order *by = &state->gather_order;
    struct lines_put put;
    uint32_t rows = 0;
    count = tile_order(state, list, count);
    for (uint32_t i = 0; i < count;) {
        const struct gather_line *first = &by->lines[by->order[i]];
        uint8_t *p = NULL;
        for (put.count = 0; i < count && put.count < TRACE_LINES_MAX;) {
            const struct gather_line *line = &by->lines[by->order[i]];
            if (line->word != first->word || line->context != first->context)
                break;
            uint32_t length = row_length(by, i, count);
            if (length > 1) {
                by->order[rows++] = by->order[i + length - 1];
                by->order[rows++] = (uint16_t)length;
                i += length;
                continue;
            }
            if (!p) {
                p = stream_begin(&thread->access_stream);
                if (!p)
                    return false;
                lines_begin(&put, &state->codec, p, word_kind(first->word), word_pc(first->word),
                            first->context);
            }
            lines_add(&put, &state->codec, line->line / LINE_BYTES, line->mask);
            i++;
        }
        if (p)
            stream_commit(&thread->access_stream, lines_end(&put, &state->codec));
    }
    return rows_write(thread, state, rows);
}

void gather_write_aside(struct thread *thread, struct access_state *state)
{
    if (state->gather_order.aside)
        tile_write(thread, state, NULL, 0);
}

void gather_write(struct thread *thread, struct access_state *state)
{
    if (!state->gather_count)
        return;
    uint32_t count = list_sort(state);
    for (uint32_t from = 0, size; from < count; from += size) {
        size = GATHER_TILE - state->gather_order.aside;
        size = count - from < size ? count - from : size;
        if (!tile_write(thread, state, state->gather_list + from, size))
            break;
    }
    state->gather_count = 0;
    if (thread == thread_current)
        access_new_generation(state); /* else copies would add to what is written */
}
