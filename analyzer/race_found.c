/*
 * The racy pairs of sites that were found, each with a few samples of different objects. Invariant:
 * a pair has one place in the table, however often it is met.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race.h"

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

static void ignored_collect(struct race_history *history, const struct trace *trace)
{
    for (; history->ignored_objects < trace->object_count; history->ignored_objects++) {
        const struct trace_object *object = &trace->objects[history->ignored_objects];
        if (object->kind != TRACE_OBJECT_IGNORED || object->value <= 0)
            continue;
        MEMORY_GROW(history->ignored, history->ignored_count, history->ignored_capacity);
        history->ignored[history->ignored_count++] = (struct race_ignored){
            .low = object->address, .high = object->address + (uint64_t)object->value};
    }
}

/* The bytes of the line that the program did not tell us to ignore. */
static uint64_t not_ignored(struct race_history *history, uint64_t line, uint64_t mask)
{
    ignored_collect(history, history->scan->trace);
    for (uint32_t i = 0; i < history->ignored_count; i++) {
        const struct race_ignored *range = &history->ignored[i];
        if (range->high <= line * 64 || range->low >= line * 64 + 64)
            continue;
        uint64_t low = range->low > line * 64 ? range->low - line * 64 : 0;
        uint64_t high = range->high < line * 64 + 64 ? range->high - line * 64 : 64;
        mask &= ~(~UINT64_C(0) >> (64 - (high - low)) << low);
    }
    return mask;
}

/* The edges may be gone when the report is made. */
static void note_order(const struct race_history *history, const struct race_now *now,
                       struct race_sample *sample)
{
    const struct race_entry *before = &sample->before, *after = &sample->after;
    const struct order_edge *edge =
        order_last_edge(history->order, (uint32_t)before->task, before->segment);
    if (edge)
        sample->last_before = *edge;
    edge = order_last_edge(history->order, (uint32_t)after->task, after->segment);
    if (edge)
        sample->last_after = *edge;
    sample->known = clock_get(now->clocks, now->clock, (uint32_t)before->task);
}

void race_found(struct race_history *history, const struct race_now *now, uint64_t line,
                uint64_t mask, const struct race_entry *before, uint32_t block_number)
{
    mask = not_ignored(history, line, mask);
    if (!mask) {
        history->ignored_races++;
        return;
    }
    const struct race_block *block = &history->blocks[block_number];
    struct race_entry end = {.mask = mask,
                             .segment = block->free_segment & RACE_SEGMENT_MAX,
                             .site = block->free_site,
                             .task = block->free_task & RACE_TASK_MAX,
                             .frame = block->free_frame,
                             .held = block->free_held & RACE_HELD_LAST,
                             .block = block_number};
    if (!before)
        before = &end;
    struct race_pair *pair = pair_get(history, before->site, now->site);
    bool machine = (before->site | now->site) & RACE_SITE_MACHINE;
    uint64_t apart = 0;
    pair->count++;
    if (!machine && pair->sample_count == RACE_SAMPLES)
        return; /* only of machine pairs a later one may be better */
    if (machine) {
        apart = race_time_apart(history->scan, (uint32_t)before->task, before->segment, now->task,
                                now->segment);
        race_watch_found(history, now, line, mask, before, block_number,
                         (uint32_t)(pair - history->pairs), apart);
    }
    struct race_sample *sample = pair->samples;
    const struct race_sample *end_sample = sample + pair->sample_count;
    while (sample < end_sample &&
           !sample_covers(sample, block, line * 64, mask, before->guess || now->guess))
        sample++;
    if (sample < end_sample ? apart >= sample->apart : pair->sample_count == RACE_SAMPLES)
        return;
    pair->sample_count += sample == end_sample;
    *sample = (struct race_sample){.apart = apart,
                                   .address = line * 64,
                                   .mask = mask,
                                   .position = now->position,
                                   .before = *before,
                                   .after = {.mask = mask,
                                             .segment = now->segment & RACE_SEGMENT_MAX,
                                             .site = now->site,
                                             .task = now->task & RACE_TASK_MAX,
                                             .frame = now->frame,
                                             .held = now->held & RACE_HELD_LAST,
                                             .block = block_number,
                                             .guess = now->guess},
                                   .block = *block};
    note_order(history, now, sample);
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
