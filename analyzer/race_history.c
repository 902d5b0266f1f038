/*
 * What is remembered of each shared line, and the check itself.
 *
 * An entry says: these bytes were accessed at this site by this task in this segment. Events come
 * in an order that happens-before allows, so the new access is never before an entry; it races with
 * each entry it is not after (same bytes, same generation, one writes, not both atomic). Entries of
 * the same site that the new access is after are replaced by it: what will be unordered with them
 * will be unordered with it too. So a line has, per site, only accesses that are unordered among
 * themselves, usually one.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/memory.h"
#include "analyzer/race.h"

#define LINES_MIN  10u /* log2 */
#define ROOM_MIN   2u  /* log2 of the entries a line gets when one is not enough */
#define ROOM_MAX   8u  /* ... and at most: 256 unordered accesses; beyond that some are dropped */
#define SWEEP_MIN  (UINT64_C(1) << 20)
#define POOL_FIRST 1u /* 0 is no place */

/* Address space for entries: what the system grants, at most *count of them. */
static struct race_entry *reserve(uint64_t *count)
{
    for (; *count > 1024; *count /= 2) {
        void *memory = mmap(NULL, *count * sizeof(struct race_entry), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
            continue;
        madvise(memory, *count * sizeof(struct race_entry), MADV_HUGEPAGE);
        return memory;
    }
    *count = 0;
    return NULL;
}

static void lines_make(struct race_history *history, unsigned bits)
{
    history->line_capacity = UINT64_C(1) << bits;
    history->line_bits = bits;
    history->lines = memory_pages(history->line_capacity, sizeof(*history->lines));
}

static void lines_free(struct race_line *lines, uint64_t capacity)
{
    memory_pages_free(lines, capacity, sizeof(*lines));
}

void race_history_open(struct race_history *history, const struct race_scan *scan, uint64_t lines,
                       uint64_t limit)
{
    unsigned bits = LINES_MIN;
    *history = (struct race_history){
        .scan = scan, .limit = limit < 1u << 20 ? 1u << 20 : limit, .sweep_at = SWEEP_MIN};
    while ((UINT64_C(1) << bits) / 3 * 2 < lines &&
           (sizeof(struct race_line) << (bits + 1)) < history->limit / 2)
        bits++;
    lines_make(history, bits);
    history->pool_room = history->limit / sizeof(struct race_entry);
    if (history->pool_room > UINT32_MAX)
        history->pool_room = UINT32_MAX;
    history->pool = reserve(&history->pool_room);
    history->pool_used = POOL_FIRST;
    history->stacks = memory_get(scan->task_count, sizeof(*history->stacks));
    history->block_bucket_count = 1024;
    history->block_buckets = memory_get(history->block_bucket_count, sizeof(uint32_t));
    history->pair_bucket_count = 1024;
    history->pair_buckets = memory_get(history->pair_bucket_count, sizeof(uint32_t));
    MEMORY_GROW(history->blocks, history->block_count, history->block_capacity);
    MEMORY_GROW(history->links, history->link_count, history->link_capacity);
    MEMORY_GROW(history->pairs, history->pair_count, history->pair_capacity);
    memset(history->blocks, 0, sizeof(*history->blocks));
    history->block_count = history->link_count = history->pair_count = 1; /* 0 is none */
}

void race_history_close(struct race_history *history)
{
    lines_free(history->lines, history->line_capacity);
    if (history->pool)
        munmap(history->pool, history->pool_room * sizeof(struct race_entry));
    for (uint32_t i = 0; i < history->region_capacity; i++)
        free(history->regions[i].blocks);
    free(history->regions);
    free(history->links);
    free(history->blocks);
    free(history->block_buckets);
    free(history->stacks);
    free(history->pairs);
    free(history->pair_buckets);
}

static uint64_t memory_used(const struct race_history *history)
{
    return history->line_capacity * sizeof(struct race_line) +
           history->pool_used * sizeof(struct race_entry) +
           history->block_capacity * sizeof(struct race_block) +
           history->link_capacity * sizeof(struct race_link);
}

/* ---- lines ---- */

static struct race_line *line_probe(const struct race_history *history, uint64_t line)
{
    struct race_line *slot = race_line_slot(history, line);
    const struct race_line *end = history->lines + history->line_capacity;
    while (slot->line != 0 && slot->line != line + 1) {
        if (++slot == end)
            slot = history->lines;
    }
    return slot;
}

/* Makes a new table without the empty lines, larger if they are few; false if the memory limit
 * forbids it. */
static bool lines_grow(struct race_history *history)
{
    uint64_t old_capacity = history->line_capacity;
    struct race_line *old = history->lines;
    unsigned more = history->line_empty < history->line_count / 2;
    if (memory_used(history) + (old_capacity << more) * sizeof(*old) > history->limit)
        return history->line_count < old_capacity - old_capacity / 8;
    lines_make(history, history->line_bits + more);
    history->line_count = history->line_empty = 0;
    for (uint64_t i = 0; i < old_capacity; i++) {
        if (old[i].line == 0 || (old[i].count == 0 && old[i].blocks == 0))
            continue;
        *line_probe(history, old[i].line - 1) = old[i];
        history->line_count++;
    }
    lines_free(old, old_capacity);
    return true;
}

struct race_line *race_line_get(struct race_history *history, uint64_t line, bool make)
{
    struct race_line *slot = line_probe(history, line);
    if (slot->line)
        return slot;
    if (!make)
        return NULL;
    if (history->line_count >= history->line_capacity - history->line_capacity / 3) {
        if (!lines_grow(history)) {
            history->dropped++;
            return NULL;
        }
        slot = line_probe(history, line);
    }
    history->line_count++;
    slot->line = line + 1;
    return slot;
}

/* ---- entries ---- */

static uint32_t pool_get(struct race_history *history, unsigned room)
{
    uint32_t at = history->pool_free[room];
    if (at) {
        history->pool_free[room] = (uint32_t)history->pool[at].mask;
    } else {
        uint64_t count = UINT64_C(1) << room;
        if (history->pool_used + count > history->pool_room ||
            memory_used(history) + count * sizeof(struct race_entry) > history->limit)
            return 0;
        at = (uint32_t)history->pool_used;
        history->pool_used += count;
    }
    history->pool_entries += UINT64_C(1) << room;
    return at;
}

static void pool_put(struct race_history *history, uint32_t at, unsigned room)
{
    history->pool[at].mask = history->pool_free[room];
    history->pool_free[room] = at;
    history->pool_entries -= UINT64_C(1) << room;
}

void race_entry_remove(struct race_history *history, struct race_line *line, uint32_t index)
{
    struct race_entry *entries = race_line_entries(history, line);
    entries[index] = entries[line->count - 1];
    line->count--;
    if (line->count != 1)
        return;
    uint32_t at = line->more;
    line->one = history->pool[at];
    line->more = 0;
    pool_put(history, at, line->room);
}

void race_entry_add(struct race_history *history, struct race_line *line,
                    const struct race_entry *entry)
{
    if (line->count == 0) {
        line->one = *entry;
        line->count = 1;
        return;
    }
    unsigned room = line->count == 1 ? 0 : line->room;
    if (line->count == 1u << room) {
        uint32_t at = 0;
        unsigned larger = room == 0 ? ROOM_MIN : room + 1;
        if (larger <= ROOM_MAX)
            at = pool_get(history, larger);
        if (at == 0) { /* full, or no memory: the newest takes the place of any other */
            race_line_entries(history, line)[entry->segment % line->count] = *entry;
            history->dropped++;
            return;
        }
        memcpy(history->pool + at, race_line_entries(history, line),
               line->count * sizeof(struct race_entry));
        if (line->count > 1)
            pool_put(history, line->more, room);
        line->more = at;
        line->room = (uint8_t)larger;
    }
    history->pool[line->more + line->count] = *entry;
    line->count++;
}

/* ---- the check ---- */

/* Bytes `mask` of a line, all of one generation. */
static void check_bytes(struct race_history *history, const struct race_now *now,
                        struct race_line *line, uint64_t mask, uint32_t block)
{
    struct race_entry *entries = race_line_entries(history, line);
    uint32_t same = UINT32_MAX;
    for (uint32_t i = 0; i < line->count;) {
        struct race_entry *entry = &entries[i++];
        if (entry->block != block)
            continue;
        if (entry->task == now->task) {
            if (entry->site != now->site)
                continue;
            if (entry->segment == now->segment && entry->frame == now->frame &&
                entry->held == now->held && entry->guess == now->guess) {
                same = i - 1;
                continue;
            }
        } else {
            if (!(entry->mask & mask))
                continue;
            if (!race_before(now, entry->task, entry->segment)) {
                if ((entry->site | now->site) & RACE_SITE_WRITE &&
                    !(entry->site & now->site & RACE_SITE_ATOMIC))
                    race_found(history, now, line->line - 1, entry->mask & mask, entry, block);
                continue;
            }
            if (entry->site != now->site)
                continue;
        }
        entry->mask &= ~mask; /* the new one stands for it from here on */
        if (entry->mask)
            continue;
        race_entry_remove(history, line, --i);
        if (same == line->count)
            same = i; /* the last one was put into the gap */
        entries = race_line_entries(history, line);
    }
    if (same != UINT32_MAX) {
        entries[same].mask |= mask;
        return;
    }
    struct race_entry entry = {.mask = mask,
                               .segment = now->segment,
                               .site = now->site,
                               .task = now->task,
                               .frame = now->frame,
                               .held = now->held,
                               .block = block,
                               .guess = now->guess};
    race_entry_add(history, line, &entry);
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

bool race_guess_holds(const struct race_history *history, const struct race_sample *sample)
{
    unsigned frees;
    if (!sample->before.guess && !sample->after.guess)
        return true;
    if (!race_lives_once(history->scan, sample->address / 64, sample->mask, &frees) || frees > 1)
        return false;
    /* If the memory was freed, that must have been this block's end and not that of one before
     * it. */
    const struct race_block *block = &history->blocks[sample->after.block];
    bool same = block->address == sample->block.address && block->tsc == sample->block.tsc;
    return frees == 0 || !same || block->free_task != 0;
}

void race_access_soon(const struct race_history *history, uint64_t number)
{
    const struct race_line *line = line_probe(history, number);
    if (line->blocks)
        __builtin_prefetch(&history->links[line->blocks]);
    if (line->count <= 1)
        return;
    const char *entries = (const char *)(history->pool + line->more);
    for (size_t at = 0; at < line->count * sizeof(struct race_entry) && at < 512; at += 64)
        __builtin_prefetch(entries + at, 1);
}

void race_access(struct race_history *history, const struct race_now *now, uint64_t number,
                 uint64_t mask)
{
    struct race_line *line = race_line_get(history, number, true);
    if (!line)
        return;
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
}

/* ---- races found ---- */

static uint64_t pair_hash(uint32_t low, uint32_t high)
{
    return ((uint64_t)low << 32 | high) * 0x9e3779b97f4a7c15u >> 32;
}

static void pairs_rehash(struct race_history *history)
{
    uint32_t count = history->pair_bucket_count * 4;
    free(history->pair_buckets);
    history->pair_buckets = memory_get(count, sizeof(uint32_t));
    history->pair_bucket_count = count;
    for (uint32_t i = 1; i < history->pair_count; i++) {
        uint64_t at = pair_hash(history->pairs[i].low, history->pairs[i].high);
        while (history->pair_buckets[at & (count - 1)])
            at++;
        history->pair_buckets[at & (count - 1)] = i;
    }
}

static struct race_pair *pair_get(struct race_history *history, uint32_t a, uint32_t b)
{
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    uint64_t at = pair_hash(low, high);
    for (;; at++) {
        uint32_t index = history->pair_buckets[at & (history->pair_bucket_count - 1)];
        if (index == 0)
            break;
        if (history->pairs[index].low == low && history->pairs[index].high == high)
            return &history->pairs[index];
    }
    if (history->pair_count >= history->pair_bucket_count / 2) {
        pairs_rehash(history);
        return pair_get(history, a, b);
    }
    MEMORY_GROW(history->pairs, history->pair_count, history->pair_capacity);
    uint32_t index = history->pair_count++;
    history->pair_buckets[at & (history->pair_bucket_count - 1)] = index;
    history->pairs[index] = (struct race_pair){.low = low, .high = high};
    return &history->pairs[index];
}

/* Whether the sample is of the same object: the same place of allocation, or the same word of
 * memory. */
static bool sample_covers(const struct race_sample *sample, const struct race_block *block,
                          uint64_t address, uint64_t mask, bool guess)
{
    if (guess != (sample->before.guess || sample->after.guess))
        return false;
    if (sample->block.address || block->address)
        return sample->block.address && block->address && sample->block.pc == block->pc &&
               sample->block.frame == block->frame;
    return sample->address == address && (sample->mask & mask);
}

void race_found(struct race_history *history, const struct race_now *now, uint64_t line,
                uint64_t mask, const struct race_entry *before, uint32_t block_number)
{
    const struct race_block *block = &history->blocks[block_number];
    struct race_entry end = {.mask = mask,
                             .segment = block->free_segment,
                             .site = block->free_site,
                             .task = block->free_task,
                             .frame = block->free_frame,
                             .held = block->free_held,
                             .block = block_number};
    if (!before)
        before = &end;
    struct race_pair *pair = pair_get(history, before->site, now->site);
    pair->count++;
    for (uint32_t i = 0; i < pair->sample_count; i++)
        if (sample_covers(&pair->samples[i], block, line * 64, mask, before->guess || now->guess))
            return;
    if (pair->sample_count == RACE_SAMPLES)
        return;
    pair->samples[pair->sample_count++] = (struct race_sample){.address = line * 64,
                                                               .mask = mask,
                                                               .position = now->position,
                                                               .before = *before,
                                                               .after = {.mask = mask,
                                                                         .segment = now->segment,
                                                                         .site = now->site,
                                                                         .task = now->task,
                                                                         .frame = now->frame,
                                                                         .held = now->held,
                                                                         .block = block_number,
                                                                         .guess = now->guess},
                                                               .block = *block};
}

/* ---- forgetting ---- */

bool race_sweep_due(const struct race_history *history)
{
    return history->line_count + history->pool_entries >= history->sweep_at;
}

void race_sweep(struct race_history *history, const uint64_t *floor)
{
    race_regions_sweep(history);
    history->line_empty = 0;
    for (uint64_t i = 0; i < history->line_capacity; i++) {
        struct race_line *line = &history->lines[i];
        if (line->line == 0)
            continue;
        for (uint32_t e = line->count; e-- > 0;) {
            const struct race_entry *entry = &race_line_entries(history, line)[e];
            if (entry->segment <= floor[entry->task])
                race_entry_remove(history, line, e);
        }
        if (!race_line_sweep_blocks(history, line, floor) && line->count == 0)
            history->line_empty++;
    }
    uint64_t left = history->line_count - history->line_empty + history->pool_entries;
    history->sweep_at =
        history->line_count + history->pool_entries + (left > SWEEP_MIN ? left : SWEEP_MIN);
}
