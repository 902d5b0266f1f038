/*
 * Generations: which block of the heap (or mapping, or stack) some bytes belonged to when they were
 * accessed. Memory that is freed and given out again is other memory; the allocator's own
 * synchronisation is not seen, so without this every reuse would look like a race.
 *
 * Small blocks are linked to the lines they lie in, as far as these have a history. Large ones are
 * listed by region and linked to a line when it is next touched. A block that was freed is kept for
 * a while, so that a late access races with its end; after KEEP_FREED more it is forgotten with its
 * accesses, and the line is marked so that accesses to no known block are not compared with each
 * other.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race_group.h"
#include "analyzer/race_source.h"

#define SMALL_SIZE   4096u
#define KEEP_FREED   4u  /* ended blocks a line remembers */
#define LINKS_MAX    24u /* blocks in one line in all: more means that frees are not seen */
#define REGIONS_MAX  64u /* a block in more regions is listed once, under EVERYWHERE */
#define EVERYWHERE   UINT64_MAX
#define REGION_PRUNE 64u

#define ALL          (~UINT64_C(0))

static uint64_t address_of(uint64_t line)
{
    return line & RACE_GROUP ? (line & ~RACE_GROUP) * RACE_GROUP_BYTES : line * 64;
}

/* The bytes of line number `line` that lie in the block; of a group ALL, none, or neither. */
static uint64_t block_mask(const struct race_block *block, uint64_t line)
{
    uint64_t low = address_of(line), high = low + 64, end = block->address + block->size;
    if (line & RACE_GROUP) {
        high = low + RACE_GROUP_BYTES;
        if (block->address < high && end > low)
            return block->address <= low && end >= high ? ALL : 1;
    }
    if (block->address >= high || end <= low)
        return 0;
    uint64_t mask = ALL;
    if (block->address > low)
        mask <<= block->address - low;
    if (end < high)
        mask &= ALL >> (high - end);
    return mask;
}

/* ---- blocks ---- */

static uint32_t *block_bucket(const struct race_history *history, uint64_t address)
{
    return &history->block_buckets[((address >> 4) * 0x9e3779b97f4a7c15u >> 32) &
                                   (history->block_bucket_count - 1)];
}

static void blocks_rehash(struct race_history *history)
{
    uint32_t old_count = history->block_bucket_count, *old = history->block_buckets;
    history->block_bucket_count = old_count * 4;
    history->block_buckets = memory_get(history->block_bucket_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < old_count; i++) {
        for (uint32_t block = old[i], next; block; block = next) {
            next = history->blocks[block].next;
            uint32_t *bucket = block_bucket(history, history->blocks[block].address);
            history->blocks[block].next = *bucket;
            *bucket = block;
        }
    }
    free(old);
}

static uint32_t block_new(struct race_history *history, const struct race_now *now,
                          const struct race_record *record)
{
    uint32_t number = history->block_free;
    if (number) {
        history->block_free = history->blocks[number].next;
    } else {
        MEMORY_GROW(history->blocks, history->block_count, history->block_capacity);
        number = history->block_count++;
    }
    if (history->blocks_found > history->block_bucket_count)
        blocks_rehash(history);
    uint32_t *bucket = block_bucket(history, record->address);
    history->blocks[number] = (struct race_block){.address = record->address,
                                                  .size = record->size,
                                                  .segment = now->segment,
                                                  .tsc = record->tsc,
                                                  .pc = record->pc,
                                                  .task = now->task,
                                                  .frame = now->frame,
                                                  .kind = record->kind,
                                                  .links = 1,
                                                  .next = *bucket};
    *bucket = number;
    history->blocks_found++;
    return number;
}

static void block_let_go(struct race_history *history, uint32_t number)
{
    struct race_block *block = &history->blocks[number];
    if (--block->links)
        return;
    block->address = 0;
    block->next = history->block_free;
    history->block_free = number;
}

/* From now on the block is not found by its address. */
static void block_unlist(struct race_history *history, uint32_t number)
{
    uint32_t *link = block_bucket(history, history->blocks[number].address);
    while (*link != number)
        link = &history->blocks[*link].next;
    *link = history->blocks[number].next;
    history->blocks_found--;
    block_let_go(history, number);
}

/* ---- links of a line ---- */

static void line_drop_link(struct race_history *history, struct race_line *line, uint32_t *link)
{
    uint32_t index = *link, block = history->links[index].block;
    race_line_blocks_changed(line);
    for (uint32_t e = line->count; e-- > 0;)
        if (race_line_entries(history, line)[e].block == block)
            race_entry_remove(history, line, e);
    *link = history->links[index].next;
    history->links[index].next = history->link_free;
    history->link_free = index;
    block_let_go(history, block);
}

/* Keeps the list of a line short: the oldest ended blocks go first. */
static void line_trim(struct race_history *history, struct race_line *line)
{
    uint32_t freed = 0, all = 0;
    for (uint32_t *link = &line->blocks; *link;) {
        if (history->blocks[history->links[*link].block].free_task)
            freed++;
        all++;
        if ((freed > KEEP_FREED && history->blocks[history->links[*link].block].free_task) ||
            all > LINKS_MAX) {
            line->forgot = 1;
            line_drop_link(history, line, link);
            continue;
        }
        link = &history->links[*link].next;
    }
}

static uint32_t link_new(struct race_history *history)
{
    uint32_t index = history->link_free;
    if (index) {
        history->link_free = history->links[index].next;
        return index;
    }
    MEMORY_GROW(history->links, history->link_count, history->link_capacity);
    return history->link_count++;
}

void race_line_copy_blocks(struct race_history *history, struct race_line *line, uint32_t links)
{
    for (uint32_t last = 0; links; links = history->links[links].next) {
        uint32_t index = link_new(history);
        history->links[index] = history->links[links];
        history->links[index].next = 0;
        history->blocks[history->links[index].block].links++;
        *(last ? &history->links[last].next : &line->blocks) = index;
        last = index;
    }
}

void race_line_drop_blocks(struct race_history *history, struct race_line *line)
{
    while (line->blocks)
        line_drop_link(history, line, &line->blocks);
}

/* Links a block to a line, newest first by the time of allocation. */
static void line_link(struct race_history *history, struct race_line *line, uint32_t number)
{
    uint32_t index = link_new(history);
    uint32_t *link = &line->blocks;
    race_line_blocks_changed(line);
    while (*link && history->blocks[history->links[*link].block].tsc > history->blocks[number].tsc)
        link = &history->links[*link].next;
    const struct race_block *block = &history->blocks[number];
    history->links[index] =
        (struct race_link){.mask = block_mask(block, line->line - 1),
                           .segment = block->segment,
                           .task = block->task,
                           .block = number,
                           .next = *link,
                           .look = block->free_task || block->kind == TRACE_ALLOC_STACK};
    *link = index;
    history->blocks[number].links++;
    if (history->links[index].next)
        line_trim(history, line);
}

/* Accesses met before the only allocation of their bytes, and not before it in the order of events,
 * were to it. */
static void adopt(struct race_history *history, const struct race_now *now, struct race_line *line,
                  uint32_t number)
{
    unsigned frees;
    uint64_t mask = block_mask(&history->blocks[number], line->line - 1);
    for (uint32_t e = line->count; e-- > 0;) {
        struct race_entry *entry = &race_line_entries(history, line)[e];
        uint64_t bytes = entry->mask & mask;
        if (entry->block || !bytes || race_before(now, (uint32_t)entry->task, entry->segment) ||
            !race_lives_once(history->scan, line->line - 1, bytes, &frees) || frees > 1)
            continue;
        struct race_entry rest = *entry;
        entry->mask = bytes;
        entry->block = number;
        entry->guess = true;
        rest.mask &= ~bytes;
        if (rest.mask)
            race_entry_add(history, line, &rest);
    }
}

static bool all_large(const struct race_history *history, const struct race_line *line)
{
    for (uint32_t link = line->blocks; link; link = history->links[link].next) {
        const struct race_block *block = &history->blocks[history->links[link].block];
        if (!block->number || block->free_task)
            return false;
    }
    return true;
}

bool race_line_sweep_blocks(struct race_history *history, struct race_line *line,
                            const uint64_t *floor)
{
    for (uint32_t *link = &line->blocks; *link;) {
        const struct race_block *block = &history->blocks[history->links[*link].block];
        if (block->free_task && block->free_segment <= floor[block->free_task]) {
            line->forgot = 1;
            line_drop_link(history, line, link);
            continue;
        }
        link = &history->links[*link].next;
    }
    if (line->blocks && !line->count && !line->forgot && all_large(history, line)) {
        race_line_drop_blocks(history, line);
        line->large_seen = 0; /* they are found again when it is touched */
    }
    return line->blocks != 0;
}

/* ---- large blocks ---- */

static struct race_region *region_probe(struct race_history *history, uint64_t key)
{
    uint64_t at = key * 0x9e3779b97f4a7c15u >> 32;
    for (;; at++) {
        struct race_region *region = &history->regions[at & (history->region_capacity - 1)];
        if (region->region == 0 || region->region == key)
            return region;
    }
}

static struct race_region *region_get(struct race_history *history, uint64_t key)
{
    if (history->region_count >= history->region_capacity / 2) {
        struct race_region *old = history->regions;
        uint32_t old_capacity = history->region_capacity;
        history->region_capacity = old_capacity ? old_capacity * 2 : 64;
        history->regions = memory_get(history->region_capacity, sizeof(*old));
        for (uint32_t i = 0; i < old_capacity; i++)
            if (old[i].region)
                *region_probe(history, old[i].region) = old[i];
        free(old);
    }
    struct race_region *region = region_probe(history, key);
    if (region->region == 0) {
        region->region = key;
        history->region_count++;
    }
    return region;
}

/* Drops ended blocks from a region's list, but for the last few. */
static void region_prune(struct race_history *history, struct race_region *region)
{
    uint32_t kept = 0, freed = 0;
    for (uint32_t i = 0; i < region->count; i++)
        freed += history->blocks[region->blocks[i]].free_task != 0;
    for (uint32_t i = 0; i < region->count; i++) {
        uint32_t number = region->blocks[i];
        if (history->blocks[number].free_task && freed-- > KEEP_FREED)
            block_let_go(history, number);
        else
            region->blocks[kept++] = number;
    }
    region->count = kept;
}

static void region_add(struct race_history *history, uint64_t key, uint32_t number)
{
    struct race_region *region = region_get(history, key);
    if (region->count == region->capacity && region->count >= REGION_PRUNE)
        region_prune(history, region);
    MEMORY_GROW(region->blocks, region->count, region->capacity);
    region->blocks[region->count++] = number;
    history->blocks[number].links++;
}

void race_regions_sweep(struct race_history *history)
{
    for (uint32_t i = 0; i < history->region_capacity; i++)
        if (history->regions[i].region)
            region_prune(history, &history->regions[i]);
}

static void list_large(struct race_history *history, uint32_t number)
{
    struct race_block *block = &history->blocks[number];
    uint64_t first = block->address >> RACE_REGION_SHIFT;
    uint64_t last = (block->address + block->size - 1) >> RACE_REGION_SHIFT;
    block->number = ++history->large_count;
    if (last - first >= REGIONS_MAX) {
        region_add(history, EVERYWHERE, number);
        return;
    }
    for (uint64_t region = first; region <= last; region++)
        region_add(history, region + 1, number);
}

static void catch_up_with(struct race_history *history, struct race_line *line, uint64_t key)
{
    const struct race_region *region = region_probe(history, key);
    for (uint32_t i = region->count; i-- > 0;) {
        uint32_t number = region->blocks[i];
        if (history->blocks[number].number <= line->large_seen)
            return;
        if (block_mask(&history->blocks[number], line->line - 1))
            line_link(history, line, number);
    }
}

void race_line_catch_up(struct race_history *history, struct race_line *line)
{
    catch_up_with(history, line, (address_of(line->line - 1) >> RACE_REGION_SHIFT) + 1);
    catch_up_with(history, line, EVERYWHERE);
    line->large_seen = history->large_count;
}

/* Has one of the blocks that came a part of the group? */
static bool parted(struct race_history *history, const struct race_line *group, uint64_t key)
{
    const struct race_region *region = region_probe(history, key);
    for (uint32_t i = region->count; i-- > 0;) {
        const struct race_block *block = &history->blocks[region->blocks[i]];
        uint64_t mask = block->number > group->large_seen ? block_mask(block, group->line - 1) : 0;
        if (mask && mask != ALL)
            return true;
    }
    return false;
}

bool race_group_catch_up(struct race_history *history, struct race_line *group)
{
    if (history->large_count &&
        (parted(history, group, (address_of(group->line - 1) >> RACE_REGION_SHIFT) + 1) ||
         parted(history, group, EVERYWHERE)))
        return false;
    if (group->large_seen != history->large_count)
        race_line_catch_up(history, group);
    return true;
}

/* ---- begin and end ---- */

/* Blocks that were there before at this address are over, whoever is yet to tell. The new one may
 * be of no interest and become no block, and its end must not be taken for that of an old one. */
static void note_reuse(struct race_history *history, const struct race_record *record)
{
    for (uint32_t i = *block_bucket(history, record->address); i; i = history->blocks[i].next) {
        struct race_block *block = &history->blocks[i];
        if (block->address == record->address && block->tsc < record->tsc &&
            (!block->reused || record->tsc < block->reused))
            block->reused = record->tsc;
    }
}

uint32_t race_block_begin(struct race_history *history, const struct race_shard *shard,
                          const struct race_now *now, const struct race_record *record)
{
    note_reuse(history, record);
    if (record->size == 0)
        return 0;
    if (record->size > SMALL_SIZE) {
        uint32_t number = block_new(history, now, record);
        list_large(history, number);
        if (record->kind == TRACE_ALLOC_STACK)
            history->stacks[now->task] = number;
        return number;
    }
    uint64_t first = record->address / 64, last = (record->address + record->size - 1) / 64;
    uint32_t number = 0;
    for (uint64_t line = first; line <= last; line++) {
        if (!race_mine(shard, line))
            continue;
        struct race_line *mine = race_line_get(history, line, true);
        if (!mine)
            continue;
        if (!number)
            number = block_new(history, now, record);
        line_link(history, mine, number);
        if (mine->count)
            adopt(history, now, mine, number);
    }
    return number;
}

/* Whether a FREE, which tells how much could be used of the block (1: not known), may be of this
 * one. */
static bool may_end(const struct race_block *block, const struct race_record *record)
{
    bool heap = block->kind == TRACE_ALLOC_HEAP && record->kind == TRACE_ALLOC_HEAP;
    return block->address == record->address && block->tsc <= record->tsc &&
           (!block->reused || record->tsc < block->reused) &&
           !(heap && record->size > 1 && record->size < block->size);
}

/* The block that a FREE ends: the newest at its address that the free is after; if its pointer came
 * by a race, the newest that was allocated before it. */
static uint32_t find_block(const struct race_history *history, const struct race_now *now,
                           const struct race_record *record)
{
    uint32_t found = 0;
    bool found_after = false;
    for (uint32_t i = *block_bucket(history, record->address); i; i = history->blocks[i].next) {
        const struct race_block *block = &history->blocks[i];
        if (!may_end(block, record))
            continue;
        bool after = race_before(now, block->task, block->segment);
        if (found && (found_after > after ||
                      (found_after == after && history->blocks[found].tsc > block->tsc)))
            continue;
        found = i;
        found_after = after;
    }
    return found;
}

/* Compares a line's entries of the block with its end. They stay: an access that comes late races
 * with them too. */
static void end_in_line(struct race_history *history, const struct race_now *now,
                        struct race_line *line, uint32_t number)
{
    for (uint32_t e = line->count; e-- > 0;) {
        const struct race_entry *entry = &race_line_entries(history, line)[e];
        if (entry->block != number)
            continue;
        if (!race_before(now, (uint32_t)entry->task, entry->segment))
            race_found(history, now, line->line - 1, entry->mask, entry, number);
    }
    for (uint32_t link = line->blocks; link; link = history->links[link].next)
        if (history->links[link].block == number)
            history->links[link].look = true;
    race_line_blocks_changed(line);
    line_trim(history, line);
}

/* Nobody else can know of a block that began and ended in one segment of one task: it leaves no
 * trace. */
static void vanish_in_line(struct race_history *history, struct race_line *line, uint32_t number)
{
    for (uint32_t *link = &line->blocks; *link; link = &history->links[*link].next) {
        if (history->links[*link].block != number)
            continue;
        line->forgot = 1;
        line_drop_link(history, line, link);
        return;
    }
}

/* Groups that the end of the block races with are split: what it is told of are lines. */
static void end_in_groups(struct race_history *history, const struct race_now *now, uint32_t number)
{
    struct race_group_walk walk = race_group_walk(history, &history->blocks[number]);
    for (struct race_line *group; (group = race_group_next(history, &walk));) {
        bool races = false;
        for (uint32_t e = 0; e < group->count; e++) {
            const struct race_entry *entry = &race_line_entries(history, group)[e];
            races |=
                entry->block == number && !race_before(now, (uint32_t)entry->task, entry->segment);
        }
        if (races)
            race_group_split(history, (group->line - 1) & ~RACE_GROUP);
        else
            end_in_line(history, now, group, number);
    }
}

#define LINES_AHEAD 16u

static void end_in_lines(struct race_history *history, const struct race_shard *shard,
                         const struct race_now *now, uint32_t number, bool vanishes)
{
    const struct race_block *block = &history->blocks[number];
    uint64_t first = block->address / 64, last = (block->address + block->size - 1) / 64;
    if (last - first >= history->line_capacity) {
        for (uint64_t i = 0; i < history->line_capacity; i++) {
            struct race_line *line = &history->lines[i];
            if (line->line && line->line - 1 >= first && line->line - 1 <= last)
                end_in_line(history, now, line, number);
        }
        return;
    }
    for (uint64_t l = first; l <= last; l++) {
        __builtin_prefetch(race_line_slot(history, l + LINES_AHEAD));
        if (!race_mine(shard, l))
            continue;
        struct race_line *line = race_line_find(history, l);
        if (line->line && vanishes)
            vanish_in_line(history, line, number);
        else if (line->line)
            end_in_line(history, now, line, number);
    }
}

void race_block_end(struct race_history *history, const struct race_shard *shard,
                    const struct race_now *now, const struct race_record *record)
{
    uint32_t number = find_block(history, now, record);
    if (number == 0)
        return;
    struct race_block *block = &history->blocks[number];
    bool vanishes =
        block->task == now->task && block->segment == now->segment && block->number == 0;
    block->free_task = now->task;
    block->free_segment = now->segment;
    block->free_tsc = record->tsc;
    block->free_site = now->site;
    block->free_frame = now->frame;
    block->free_held = now->held;
    end_in_groups(history, now, number);
    end_in_lines(history, shard, now, number, vanishes);
    block_unlist(history, number);
}

void race_block_task_over(struct race_history *history, uint32_t task, uint64_t segment)
{
    uint32_t number = history->stacks[task];
    history->stacks[task] = 0;
    if (number == 0)
        return;
    struct race_block *block = &history->blocks[number];
    if (block->free_task || block->task != task || block->kind != TRACE_ALLOC_STACK)
        return; /* ended by a FREE, and the number may be another block's by now */
    block->free_task = task;
    block->free_segment = segment;
    block->quiet = true;
    block_unlist(history, number);
}
