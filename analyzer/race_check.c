/*
 * The check itself. Events come in an order that happens-before allows, so the new access is never
 * before an entry; it races with each entry it is not after (same bytes, same generation, one
 * writes, not both atomic). Entries of the same site that the new access is after are replaced by
 * it: what will be unordered with them will be unordered with it too.
 *
 * Most accesses are after all that is known of their line: its `top` tells so at once, and then
 * only the entry of the access's own site is looked up, by its tag. Invariant: where top_task is
 * not 0, every entry of the line is before `top` or of its task up to its segment; the
 * bytes of a `known` span are of no newer generation than its block, which has not ended.
 */
#include <emmintrin.h>

#include "analyzer/race_group.h"
#include "analyzer/race_source.h"

#define NOWHERE UINT32_MAX

static bool is_now(const struct race_entry *entry, const struct race_now *now)
{
    return entry->when == race_when(now->task, now->segment) && entry->frame == now->frame &&
           entry->holding == race_holding(now->held, now->guess);
}

static inline void put_now(struct race_entry *entry, const struct race_now *now, uint64_t mask,
                           uint32_t block)
{
    entry->mask = mask;
    entry->when = race_when(now->task, now->segment);
    entry->site = now->site;
    entry->frame = now->frame;
    entry->holding = race_holding(now->held, now->guess);
    entry->block = block;
}

/* Where the new access goes among a line's entries. */
struct place {
    uint32_t same;   /* the entry that is of this very access: the bytes are added to it */
    uint32_t unused; /* one whose last bytes the new one stands for from here on */
};

/* An entry of the access's site and generation, which the access is after. False if it was removed,
 * and another one stands in its place. */
static inline bool replace(struct race_history *history, const struct race_now *now,
                           struct race_line *line, uint32_t index, uint64_t mask,
                           struct place *place)
{
    struct race_entry *entry = &race_line_entries(history, line)[index];
    if (is_now(entry, now)) {
        place->same = index;
        return true;
    }
    if (entry->mask & ~mask) {
        if (entry->mask & mask)
            entry->mask &= ~mask;
        return true;
    }
    if (place->unused == NOWHERE) {
        place->unused = index;
        return true;
    }
    race_entry_remove(history, line, index);
    return false;
}

static inline void settle(struct race_history *history, const struct race_now *now,
                          struct race_line *line, uint64_t mask, uint32_t block,
                          const struct place *place)
{
    if (place->same != NOWHERE) {
        race_line_entries(history, line)[place->same].mask |= mask;
        if (place->unused != NOWHERE)
            race_entry_remove(history, line, place->unused);
        return;
    }
    if (place->unused != NOWHERE) { /* of the same site: its tag stays as it is */
        put_now(&race_line_entries(history, line)[place->unused], now, mask, block);
        return;
    }
    struct race_entry entry;
    put_now(&entry, now, mask, block);
    race_entry_add(history, line, &entry);
}

/* ---- the long way ---- */

/* Bytes `mask` of a line, all of one generation. */
static void check_bytes(struct race_history *history, const struct race_now *now,
                        struct race_line *line, uint64_t mask, uint32_t block)
{
    struct place place = {NOWHERE, NOWHERE};
    if (line->watched && !race_watch_access(history, now, line->line - 1, mask, block))
        return;
    for (uint32_t i = 0; i < line->count;) {
        const struct race_entry *entry = &race_line_entries(history, line)[i];
        i++;
        if (entry->block != block)
            continue;
        bool own = entry->task == now->task;
        if (!own && !(entry->mask & mask))
            continue;
        if (!own && !race_before(now, (uint32_t)entry->task, entry->segment)) {
            if ((entry->site | now->site) & RACE_SITE_WRITE &&
                !(entry->site & now->site & RACE_SITE_ATOMIC))
                race_found(history, now, line->line - 1, entry->mask & mask, entry, block);
            continue;
        }
        if (entry->site == now->site && !replace(history, now, line, i - 1, mask, &place))
            i--;
    }
    settle(history, now, line, mask, block, &place);
}

/* Bytes of a block; if it has ended, the access races with its end or is to freed memory. */
static void check_block(struct race_history *history, const struct race_now *now,
                        struct race_line *line, uint64_t bytes, const struct race_link *link)
{
    const struct race_block *block = &history->blocks[link->block];
    if (link->look && block->free_task) {
        if (race_before(now, block->free_task, block->free_segment))
            return;
        if (!block->quiet)
            race_found(history, now, line->line - 1, bytes, NULL, link->block);
    }
    check_bytes(history, now, line, bytes, link->block);
}

/* Bytes that no allocation is before: if there was only one in the whole trace, they are of that
 * block. Returns those that this cannot be said of. */
static uint64_t check_only_block(struct race_history *history, const struct race_now *now,
                                 struct race_line *line, uint64_t mask)
{
    unsigned frees;
    for (uint32_t next = line->blocks; next && mask;) {
        const struct race_link *link = &history->links[next];
        uint64_t bytes = mask & link->mask;
        next = link->next;
        if (!bytes || history->blocks[link->block].number ||
            !race_lives_once(history->scan, line->line - 1, bytes, &frees) || frees > 1)
            continue;
        struct race_now guess = *now;
        guess.guess = true;
        check_block(history, &guess, line, bytes, link);
        mask &= ~bytes;
    }
    return mask;
}

static bool after_all(const struct race_history *history, const struct race_now *now,
                      const struct race_line *line)
{
    const struct race_entry *entries = race_line_entries(history, line);
    for (uint32_t i = 0; i < line->count; i++)
        if (!race_before(now, (uint32_t)entries[i].task, entries[i].segment))
            return false;
    return true;
}

static void set_top(struct race_line *line, const struct race_now *now)
{
    line->top = race_when(now->task, now->segment);
}

static void check_line(struct race_history *history, const struct race_now *now,
                       struct race_line *line, uint64_t mask)
{
    if (line->large_seen != history->large_count)
        race_line_catch_up(history, line);
    /* An access belongs to the newest block it is after; one that is to freed memory is no race but
     * with the free. */
    for (uint32_t next = line->blocks; next && mask;) {
        const struct race_link *link = &history->links[next];
        uint64_t bytes = mask & link->mask;
        next = link->next;
        if (!bytes || !race_before(now, link->task, link->segment))
            continue;
        mask &= ~bytes;
        check_block(history, now, line, bytes, link);
    }
    if (mask && line->blocks && !line->forgot)
        mask = check_only_block(history, now, line, mask);
    if (mask && !line->forgot)
        check_bytes(history, now, line, mask, 0);
    line->top = 0;
    if (now->segment <= RACE_SEGMENT_MAX && after_all(history, now, line))
        set_top(line, now);
}

/* ---- the short way ---- */

/* Which of RACE_TAGS entries may be of the site, of which there are `count`: a bit each. */
static inline uint32_t tagged(const uint8_t *tags, uint32_t count, uint32_t site)
{
    static_assert(RACE_TAGS == sizeof(__m128i), "all tags at once");
    uint32_t there = count < RACE_TAGS ? (1u << count) - 1 : (1u << RACE_TAGS) - 1;
    __m128i all = _mm_loadu_si128((const __m128i *)(const void *)tags);
    __m128i tag = _mm_set1_epi8((char)race_tag(site));
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(all, tag)) & there;
}

static inline uint64_t span_mask(unsigned first, unsigned last)
{
    return (~UINT64_C(0) >> (63 - last + first)) << first;
}

static inline bool is_known(const struct race_line *line, unsigned which, uint64_t mask)
{
    union race_span span = line->known[which];
    return span.first <= span.last && !(mask & ~span_mask(span.first, span.last));
}

/* Finds the generation that the bytes are of; false if the long way must be gone for it. */
static bool know(const struct race_history *history, const struct race_now *now,
                 struct race_line *line, uint64_t mask, uint32_t *block)
{
    uint64_t bytes = ~UINT64_C(0), newer = 0;
    *block = 0;
    if (line->large_seen != history->large_count)
        return false;
    if (!line->blocks && line->forgot)
        return false;
    if (line->blocks) {
        const struct race_link *link = &history->links[line->blocks];
        for (; !(link->mask & mask); link = &history->links[link->next]) {
            newer |= link->mask;
            if (!link->next)
                return false;
        }
        if (mask & ~link->mask || link->look || !race_before(now, link->task, link->segment))
            return false;
        *block = link->block;
        bytes = link->mask & ~newer;
    }
    unsigned first = (unsigned)__builtin_ctzll(bytes),
             last = 63u - (unsigned)__builtin_clzll(bytes);
    if (span_mask(first, last) != bytes)
        return true;
    line->known[1] = line->known[0];
    line->known_block[1] = line->known_block[0];
    line->known[0].both = (uint16_t)(first | last << 8);
    line->known_block[0] = *block;
    return true;
}

static inline bool is_short(const struct race_history *history, const struct race_now *now,
                            struct race_line *line, uint64_t mask, uint32_t *block)
{
    if (!line->top_task || !race_before(now, (uint32_t)line->top_task, line->top_segment))
        return false;
    if (line->large_seen == history->large_count) {
        *block = line->known_block[0];
        if (is_known(line, 0, mask))
            return true;
        *block = line->known_block[1];
        if (is_known(line, 1, mask))
            return true;
    }
    return know(history, now, line, mask, block);
}

/* Among RACE_TAGS entries from `first` on, whose tags these are. */
static inline void replace_tagged(struct race_history *history, const struct race_now *now,
                                  struct race_line *line, const uint8_t *tags, uint32_t first,
                                  uint64_t mask, uint32_t block, struct place *place)
{
    for (uint32_t bits = tagged(tags, line->count - first, now->site); bits;) {
        uint32_t at = (uint32_t)__builtin_ctz(bits);
        const struct race_entry *entry = &race_line_entries(history, line)[first + at];
        bits &= bits - 1;
        if (entry->site != now->site || entry->block != block ||
            replace(history, now, line, first + at, mask, place))
            continue;
        if (line->count <= first) /* it was the last one, and the tags may be gone */
            return;
        bits = tagged(tags, line->count - first, now->site) >> at << at; /* the last stands there */
    }
}

static inline void check_short(struct race_history *history, const struct race_now *now,
                               struct race_line *line, uint64_t mask, uint32_t block)
{
    struct place place = {NOWHERE, NOWHERE};
    if (line->watched && !race_watch_access(history, now, line->line - 1, mask, block))
        return;
    replace_tagged(history, now, line, line->tags, 0, mask, block, &place);
    for (uint32_t first = RACE_TAGS; first < line->count; first += RACE_TAGS)
        replace_tagged(history, now, line, race_line_tags(history, line) + first, first, mask,
                       block, &place);
    settle(history, now, line, mask, block, &place);
    set_top(line, now);
}

/* ---- many at once ---- */

/* Whether an access to all lines of a group is no race, and of a block that is there. */
static bool is_calm(const struct race_history *history, const struct race_now *now,
                    const struct race_line *group, uint64_t mask)
{
    for (uint32_t next = group->blocks; next; next = history->links[next].next)
        if (history->links[next].look)
            return false;
    if (group->top_task && race_before(now, (uint32_t)group->top_task, group->top_segment))
        return true;
    for (uint32_t i = 0; i < group->count; i++) {
        const struct race_entry *entry = &race_line_entries(history, group)[i];
        if (entry->mask & mask && (entry->site | now->site) & RACE_SITE_WRITE &&
            !race_before(now, (uint32_t)entry->task, entry->segment))
            return false;
    }
    return true;
}

bool race_check_group(struct race_history *history, const struct race_now *now, uint64_t group,
                      uint64_t mask)
{
    struct race_line *line = race_group_get(history, group);
    if (!line)
        return false;
    if ((line->large_seen != history->large_count && !race_group_catch_up(history, line)) ||
        !is_calm(history, now, line, mask)) {
        race_group_split(history, group);
        return false;
    }
    uint32_t block;
    if (is_short(history, now, line, mask, &block))
        check_short(history, now, line, mask, block);
    else
        check_line(history, now, line, mask);
    return true;
}

/*
 * What is needed of a line is fetched in three steps, since each tells what the next one is: the line, the tags that
 * are not in it, the entries. AHEAD items lie between two of them: the time of a fetch from memory.
 */
#define AHEAD     20u
#define FETCH_MAX 16u /* entries of a line, as many as most have */
/* (gcc takes a function that only fetches for one without effect and leaves its calls out, if it is not inlined early.) */
#define FETCHES   static inline __attribute__((always_inline))

FETCHES void fetch_tags(const struct race_history *history, const struct race_item *item)
{
    const struct race_line *line = race_line_slot(history, item->line);
    if (line->count > RACE_TAGS && line->top_task)
        __builtin_prefetch(race_line_tags(history, line) + RACE_TAGS);
}

FETCHES void fetch_tagged(const struct race_entry *entries, const uint8_t *tags, uint32_t count,
                          uint32_t site)
{
    for (uint32_t bits = tagged(tags, count, site); bits; bits &= bits - 1)
        __builtin_prefetch(&entries[__builtin_ctz(bits)], 1);
}

FETCHES void fetch(const struct race_history *history, const struct race_item *item)
{
    const struct race_line *line = race_line_find(history, item->line);
    if (line->blocks && (!line->top_task || /* the long way looks at them in any case */
                         (!is_known(line, 0, item->mask) && !is_known(line, 1, item->mask))))
        __builtin_prefetch(&history->links[line->blocks]);
    if (line->count == 0)
        return;
    const struct race_entry *entries = race_line_entries(history, line);
    if (line->top_task) {
        fetch_tagged(entries, line->tags, line->count, item->site);
        for (uint32_t first = RACE_TAGS; first < line->count; first += RACE_TAGS)
            fetch_tagged(entries + first, race_line_tags(history, line) + first,
                         line->count - first, item->site);
        return;
    }
    for (uint32_t i = 0; i < line->count && i < FETCH_MAX; i += 2)
        __builtin_prefetch(&entries[i], 1);
}

FETCHES void fetch_ahead(const struct race_history *history, const struct race_item *items,
                         uint32_t at, uint32_t end, struct race_ahead *ahead)
{
    for (; ahead->lines < end && ahead->lines < at + 3 * AHEAD; ahead->lines++)
        __builtin_prefetch(race_line_slot(history, items[ahead->lines].line), 1);
    for (; ahead->tags < end && ahead->tags < at + 2 * AHEAD; ahead->tags++)
        fetch_tags(history, &items[ahead->tags]);
    for (; ahead->entries < end && ahead->entries < at + AHEAD; ahead->entries++)
        fetch(history, &items[ahead->entries]);
}

void race_check(struct race_history *history, struct race_now *now, const struct race_item *items,
                uint32_t from, uint32_t to, uint32_t end, uint64_t position,
                struct race_ahead *ahead)
{
    for (uint32_t i = from; i < to; i++) {
        fetch_ahead(history, items, i, end, ahead);
        const struct race_item *item = &items[i];
        struct race_line *line = race_line_find(history, item->line);
        if (!line->line && !(line = race_line_get(history, item->line, true)))
            continue;
        now->position = position + item->ordinal;
        now->site = item->site;
        now->frame = item->frame;
        now->held = item->held;
        uint32_t block;
        if (is_short(history, now, line, item->mask, &block))
            check_short(history, now, line, item->mask, block);
        else
            check_line(history, now, line, item->mask);
    }
}
