/*
 * Where an access was: its site, its call stack and the locks held, each told once and from then on
 * a number, so that an entry of the history is small. Invariant: equal numbers, equal places;
 * number 0 of frames and held sets is "none".
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race.h"

#define FRAMES_MAX \
    (1u << 26) /* 1 GB: a recursion with ever new paths; beyond it stacks lose their outer frames */

void race_places_open(struct race_places *places)
{
    *places = (struct race_places){
        .site_bucket_count = 1024, .frame_bucket_count = 1024, .held_bucket_count = 1024};
    places->site_buckets = memory_get(places->site_bucket_count, sizeof(uint32_t));
    places->frame_buckets = memory_get(places->frame_bucket_count, sizeof(uint32_t));
    places->held_buckets = memory_get(places->held_bucket_count, sizeof(uint32_t));
    MEMORY_GROW(places->sites, places->site_count, places->site_capacity);
    MEMORY_GROW(places->frames, places->frame_count, places->frame_capacity);
    MEMORY_GROW(places->held, places->held_count, places->held_capacity);
    memset(places->sites, 0, sizeof(*places->sites));
    memset(places->frames, 0, sizeof(*places->frames));
    memset(places->held, 0, sizeof(*places->held));
    places->site_count = places->frame_count = places->held_count = 1;
}

void race_places_close(struct race_places *places)
{
    free(places->sites);
    free(places->site_buckets);
    free(places->frames);
    free(places->frame_buckets);
    free(places->held);
    free(places->held_buckets);
}

static uint64_t site_hash(uint64_t pc, uint32_t kind)
{
    return (pc + ((uint64_t)kind << 48)) * 0x9e3779b97f4a7c15u >> 32;
}

static uint32_t site_number(uint32_t index, uint32_t kind)
{
    return index << RACE_SITE_SHIFT | (kind & TRACE_KIND_WRITE ? RACE_SITE_WRITE : 0) |
           (kind & TRACE_KIND_ATOMIC ? RACE_SITE_ATOMIC : 0) |
           (kind & RACE_KIND_MACHINE ? RACE_SITE_MACHINE : 0);
}

static void site_rehash(struct race_places *places)
{
    uint32_t count = places->site_bucket_count * 4;
    free(places->site_buckets);
    places->site_buckets = memory_get(count, sizeof(uint32_t));
    places->site_bucket_count = count;
    for (uint32_t i = 1; i < places->site_count; i++) {
        uint64_t at = site_hash(places->sites[i].pc, places->sites[i].kind);
        while (places->site_buckets[at & (count - 1)])
            at++;
        places->site_buckets[at & (count - 1)] = i;
    }
}

uint32_t race_site_get(struct race_places *places, uint64_t pc, uint32_t kind)
{
    uint64_t at = site_hash(pc, kind);
    for (;; at++) {
        uint32_t index = places->site_buckets[at & (places->site_bucket_count - 1)];
        if (index == 0)
            break;
        if (places->sites[index].pc == pc && places->sites[index].kind == kind)
            return site_number(index, kind);
    }
    MEMORY_GROW(places->sites, places->site_count, places->site_capacity);
    uint32_t index = places->site_count++;
    places->sites[index] = (struct race_site){pc, kind};
    places->site_buckets[at & (places->site_bucket_count - 1)] = index;
    if (places->site_count > places->site_bucket_count / 2)
        site_rehash(places);
    return site_number(index, kind);
}

static uint64_t frame_hash(uint32_t parent, uint64_t pc)
{
    return ((pc + ((uint64_t)parent << 40)) ^ parent) * 0x9e3779b97f4a7c15u >> 32;
}

static void frame_rehash(struct race_places *places)
{
    uint32_t count = places->frame_bucket_count * 4;
    free(places->frame_buckets);
    places->frame_buckets = memory_get(count, sizeof(uint32_t));
    places->frame_bucket_count = count;
    for (uint32_t i = 1; i < places->frame_count; i++) {
        struct race_frame *frame = &places->frames[i];
        uint32_t *bucket =
            &places->frame_buckets[frame_hash(frame->parent, frame->pc) & (count - 1)];
        frame->next = *bucket;
        *bucket = i;
    }
}

uint32_t race_frame_get(struct race_places *places, uint32_t parent, uint64_t pc)
{
    uint64_t hash = frame_hash(parent, pc);
    uint32_t *bucket = &places->frame_buckets[hash & (places->frame_bucket_count - 1)];
    for (uint32_t i = *bucket; i; i = places->frames[i].next)
        if (places->frames[i].pc == pc && places->frames[i].parent == parent)
            return i;
    if (places->frame_count >= FRAMES_MAX)
        return 0;
    MEMORY_GROW(places->frames, places->frame_count, places->frame_capacity);
    uint32_t index = places->frame_count++;
    places->frames[index] = (struct race_frame){.pc = pc, .parent = parent, .next = *bucket};
    *bucket = index;
    if (places->frame_count > places->frame_bucket_count)
        frame_rehash(places);
    return index;
}

static uint32_t held_hash(const struct race_held *set)
{
    uint64_t hash = set->count;
    for (uint32_t i = 0; i < set->count; i++)
        hash = (hash ^ set->words[i]) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32);
}

static void held_rehash(struct race_places *places)
{
    uint32_t count = places->held_bucket_count * 4;
    free(places->held_buckets);
    places->held_buckets = memory_get(count, sizeof(uint32_t));
    places->held_bucket_count = count;
    for (uint32_t i = 1; i < places->held_count; i++) {
        uint32_t *bucket = &places->held_buckets[held_hash(&places->held[i]) & (count - 1)];
        places->held[i].next = *bucket;
        *bucket = i;
    }
}

uint32_t race_held_get(struct race_places *places, const struct trace_held *held, uint32_t count)
{
    struct race_held set = {.count = count < TRACE_HELD_MAX ? count : TRACE_HELD_MAX};
    if (count == 0)
        return 0;
    for (uint32_t i = 0; i < set.count; i++)
        set.words[i] = held[i].object << 1 | (held[i].mode == TRACE_MODE_SHARED);
    uint32_t *bucket = &places->held_buckets[held_hash(&set) & (places->held_bucket_count - 1)];
    for (uint32_t i = *bucket; i; i = places->held[i].next)
        if (places->held[i].count == set.count &&
            memcmp(places->held[i].words, set.words, set.count * sizeof(set.words[0])) == 0)
            return i;
    MEMORY_GROW(places->held, places->held_count, places->held_capacity);
    uint32_t index = places->held_count++;
    set.next = *bucket;
    places->held[index] = set;
    *bucket = index;
    if (places->held_count > places->held_bucket_count)
        held_rehash(places);
    return index;
}
