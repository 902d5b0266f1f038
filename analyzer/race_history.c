/*
 * What is remembered of each shared line: a table of lines, one cache line each, and a pool of
 * entries, in which the entries of one line lie side by side. Checking is done by race_check.c.
 *
 * An entry says: these bytes were accessed at this site by this task in this segment. A line has,
 * per site, only accesses that are unordered among themselves, usually one.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyzer/memory.h"
#include "analyzer/race.h"
#include "analyzer/race_group.h"
#include "analyzer/race_watch.h"
#include "trace/codec.h"

#define LINES_MIN   10u /* log2 */
#define ROOM_MIN    1u  /* log2 of the entries a line gets at first: a cache line */
#define SWEEP_MIN   (UINT64_C(1) << 19)
#define SWEEP_AHEAD 16u /* lines: the time of a fetch from memory */
#define JOIN_TRIES  4u
#define LARGE_TABLE \
    (UINT64_C(2) << 20) /* bytes: lines are scattered, so all of its pages are used */
#define POOL_FIRST 2u   /* 0 is no place; at an even one an entry does not straddle cache lines */

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
    if (history->line_capacity * sizeof(*history->lines) >= LARGE_TABLE)
        madvise(history->lines, history->line_capacity * sizeof(*history->lines), MADV_HUGEPAGE);
    history->tables_made++;
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
    history->pool_state = memory_pages(history->pool_room / 2 + 1, 1);
    history->pool_used = POOL_FIRST;
    race_history_grow(history, scan->task_count);
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

void race_history_grow(struct race_history *history, uint32_t task_count)
{
    history->stacks = memory_resize(history->stacks, task_count, sizeof(*history->stacks));
    memset(history->stacks + history->task_count, 0,
           (task_count - history->task_count) * sizeof(*history->stacks));
    history->task_count = task_count;
}

void race_history_close(struct race_history *history)
{
    lines_free(history->lines, history->line_capacity);
    if (history->pool)
        munmap(history->pool, history->pool_room * sizeof(struct race_entry));
    memory_pages_free(history->pool_state, history->pool_room / 2 + 1, 1);
    for (uint32_t i = 0; i <= RACE_ROOM_MAX; i++)
        free(history->pool_free[i].places);
    for (uint32_t i = 0; i < history->region_capacity; i++)
        free(history->regions[i].blocks);
    free(history->regions);
    free(history->links);
    free(history->blocks);
    free(history->block_buckets);
    free(history->stacks);
    for (uint32_t i = 1; i < history->pair_count; i++)
        free(history->pairs[i].instances);
    race_watches_free(history->watches);
    free(history->pairs);
    free(history->ignored);
    free(history->pair_buckets);
}

static uint64_t memory_used(const struct race_history *history)
{
    uint64_t left = 0;
    for (uint32_t i = 0; i <= RACE_ROOM_MAX; i++)
        left += history->pool_free[i].capacity;
    return left * sizeof(*history->pool_free[0].places) +
           history->line_capacity * sizeof(struct race_line) +
           history->pool_used * sizeof(struct race_entry) +
           history->block_capacity * sizeof(struct race_block) +
           history->link_capacity * sizeof(struct race_link);
}

/* ---- lines ---- */

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
    history->line_count = history->line_empty = history->group_count = 0;
    for (uint64_t i = 0; i < old_capacity; i++) {
        if (old[i].line == 0 || (old[i].count == 0 && old[i].blocks == 0))
            continue;
        *race_line_find(history, old[i].line - 1) = old[i];
        history->line_count++;
        history->group_count += ((old[i].line - 1) & RACE_GROUP) != 0;
    }
    history->group_slots = history->group_count; /* of those that were split nothing was known */
    lines_free(old, old_capacity);
    return true;
}

struct race_line *race_line_make(struct race_history *history, uint64_t line)
{
    if (history->line_count >= history->line_capacity - history->line_capacity / 3 &&
        !lines_grow(history)) {
        history->dropped++;
        return NULL;
    }
    struct race_line *slot = race_line_find(history, line);
    history->line_count++;
    slot->line = line + 1;
    race_line_blocks_changed(slot);
    if (line == TRACE_OUTSIDE / 64)
        race_watch_outside(history, slot);
    return slot;
}

struct race_line *race_line_get(struct race_history *history, uint64_t line, bool make)
{
    struct race_line *slot = race_line_find(history, line);
    if (slot->line)
        return slot;
    if (history->group_count && race_group_split(history, line / RACE_GROUP_LINES)) {
        slot = race_line_find(history, line);
        return slot->line ? slot : NULL;
    }
    return make ? race_line_make(history, line) : NULL;
}

/* ---- entries ---- */

/*
 * Free places of a size are a stack of their numbers; pool_state says which of these are still free. Two that lie side
 * by side are joined when a larger one is asked for: where all lines get more entries in turn, as in a loop over an
 * array, places would else be left behind at each size, as many bytes again as are in use. The memory of a place is
 * not looked at meanwhile (a list through the places themselves took a tenth of the time where lines come and go), and
 * that of those that are next is fetched ahead.
 */
#define FETCHED_AHEAD 8u

/* The free place at the top of the stack: 0 if there is none. */
static uint32_t pool_top(struct race_history *history, unsigned room)
{
    struct race_free *free = &history->pool_free[room];
    while (free->count && history->pool_state[free->places[free->count - 1] / 2] != room)
        free->count--;
    return free->count ? free->places[free->count - 1] : 0;
}

static uint32_t pool_join(struct race_history *history, unsigned room)
{
    unsigned half = room - 1;
    pool_top(history, half);
    const struct race_free *free = &history->pool_free[half];
    for (uint32_t tries = 1; tries <= free->count && tries <= JOIN_TRIES; tries++) {
        uint32_t at = free->places[free->count - tries];
        uint32_t sides[2] = {at + (1u << half), at - (1u << half)};
        for (unsigned i = 0; history->pool_state[at / 2] == half && i < 2; i++) {
            if (sides[i] < POOL_FIRST || sides[i] >= history->pool_used ||
                history->pool_state[sides[i] / 2] != half)
                continue;
            history->pool_state[at / 2] = history->pool_state[sides[i] / 2] = 0;
            return at < sides[i] ? at : sides[i];
        }
    }
    return 0;
}

static uint32_t pool_get(struct race_history *history, unsigned room)
{
    struct race_free *free = &history->pool_free[room];
    uint32_t at = pool_top(history, room);
    if (at) {
        history->pool_state[at / 2] = 0;
        if (--free->count > FETCHED_AHEAD) {
            uint32_t next = free->places[free->count - FETCHED_AHEAD];
            __builtin_prefetch(&history->pool_state[next / 2], 1);
            __builtin_prefetch(&history->pool[next], 1);
        }
    } else if (!(at = pool_join(history, room))) {
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
    struct race_free *free = &history->pool_free[room];
    MEMORY_GROW(free->places, free->count, free->capacity);
    free->places[free->count++] = at;
    history->pool_state[at / 2] = (uint8_t)room;
    history->pool_entries -= UINT64_C(1) << room;
}

static void entries_drop(struct race_history *history, struct race_line *line)
{
    pool_put(history, line->entries, line->room);
    line->entries = 0;
    line->room = 0;
    line->count = 0;
}

void race_entry_remove(struct race_history *history, struct race_line *line, uint32_t index)
{
    struct race_entry *entries = race_line_entries(history, line);
    uint32_t last = --line->count;
    if (index != last)
        race_entry_put(history, line, index, &entries[last]);
    if (!last)
        entries_drop(history, line);
}

/* Copies what the line has to a larger place. */
static void line_move(struct race_history *history, const struct race_line *line, uint32_t at,
                      unsigned larger)
{
    struct race_line moved = {.entries = at, .room = (uint8_t)larger};
    memcpy(race_line_entries(history, &moved), race_line_entries(history, line),
           line->count * sizeof(struct race_entry));
    if (line->count > RACE_TAGS)
        memcpy(race_line_tags(history, &moved), race_line_tags(history, line), line->count);
    pool_put(history, line->entries, line->room);
}

void race_entry_add(struct race_history *history, struct race_line *line,
                    const struct race_entry *entry)
{
    if (line->count == 0 || line->count == race_room_entries(line->room)) {
        unsigned larger = line->count == 0 ? ROOM_MIN : line->room + 1u;
        uint32_t at = larger <= RACE_ROOM_MAX ? pool_get(history, larger) : 0;
        if (at == 0) { /* full, or no memory: the newest takes the place of any other */
            if (larger > RACE_ROOM_MAX)
                history->crowded++;
            else
                history->dropped++;
            if (line->count)
                race_entry_put(history, line, (uint32_t)entry->segment % line->count, entry);
            return;
        }
        if (line->count)
            line_move(history, line, at, larger);
        line->entries = at;
        line->room = (uint8_t)larger;
    }
    race_entry_put(history, line, line->count++, entry);
}

/* ---- forgetting ---- */

bool race_sweep_due(const struct race_history *history)
{
    return history->line_count + history->pool_entries >= history->sweep_at;
}

/* Are all entries? They are before `top`, and whoever is after that is after them. */
static bool is_past(const struct race_line *line, const uint64_t *floor)
{
    return line->top_task && line->top_segment <= floor[line->top_task];
}

static void sweep_fetch(const struct race_history *history, const struct race_line *line,
                        const uint64_t *floor)
{
    if (!line->count)
        return;
    if (is_past(line, floor))
        __builtin_prefetch(&history->pool_state[line->entries / 2], 1);
    else
        __builtin_prefetch(race_line_entries(history, line), 1);
}

static void sweep_later(struct race_history *history)
{
    uint64_t left = history->line_count - history->line_empty + history->pool_entries;
    history->sweep_at =
        history->line_count + history->pool_entries + (left / 2 > SWEEP_MIN ? left / 2 : SWEEP_MIN);
}

void race_sweep(struct race_history *history, const uint64_t *floor)
{
    uint64_t reached = 0;
    for (uint32_t t = 0; t < history->task_count; t++)
        reached += floor[t];
    if (reached == history->swept_to) { /* it only rises: there is nothing new to forget */
        sweep_later(history);
        return;
    }
    history->swept_to = reached;
    race_regions_sweep(history);
    history->line_empty = 0;
    for (uint64_t i = 0; i < history->line_capacity; i++) {
        struct race_line *line = &history->lines[i];
        if (i + SWEEP_AHEAD < history->line_capacity)
            sweep_fetch(history, line + SWEEP_AHEAD, floor);
        if (line->line == 0)
            continue;
        if (line->count && is_past(line, floor))
            entries_drop(history, line);
        for (uint32_t e = line->count; e-- > 0;) {
            const struct race_entry *entry = &race_line_entries(history, line)[e];
            if (entry->segment <= floor[entry->task])
                race_entry_remove(history, line, e);
        }
        if (!race_line_sweep_blocks(history, line, floor) && line->count == 0)
            history->line_empty++;
    }
    sweep_later(history);
}
