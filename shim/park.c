/*
 * Parked records: an entry of the open table whose site has gone on to another line is not written yet, because in large
 * segments sites come back: with 4,096 entries parked pigz writes half as many records. They are written together,
 * ordered by site, which halves the bytes of those that are left: the site is the one before, and its lines are near
 * each other.
 *
 * They lie in the mapped file, so that a SIGKILL loses none. Invariant: as in the open table, all are of the task and
 * segment that the stream names last; two of them differ in line, site or context.
 */
#include "shim/access_state.h"

#include "shim/banned.h"
#include "shim/raw.h"
#include "shim/stream.h"
#include "trace/line.h"

#define INDEX       (2 * TRACE_PARK_ENTRIES) /* places: at most half of them are in use */
#define PLACE_SHIFT 51
#define NUMBER      (2 * TRACE_PARK_ENTRIES) /* of an entry, from 1; what is above in a place is hash */
#define LINES       (1u << 16)               /* bits, by the hash of a line */
#define RANGE_LOOK  64u                      /* lines of a block that are looked for one by one */
#define FEW         (TRACE_PARK_ENTRIES / 16)
#define HITS_LEAST \
    (TRACE_PARK_ENTRIES / 16 * 9) /* for each filling: with fewer parking does not pay */
#define REST (16 * TRACE_PARK_ENTRIES)

struct park {
    struct trace_parked
        *entries; /* in the mapped file; NULL: not asked for yet, or not to be had */
    bool refused;
    uint32_t hits;                /* entries that one was there for, since all places were taken */
    uint32_t average;             /* of that, over the last fillings */
    uint32_t oldest;              /* no context of the parked is older */
    uint16_t count[SITE_BUCKETS]; /* of the parked, by site_bucket() */
    uint16_t order[TRACE_PARK_ENTRIES];
    uint64_t lines[LINES / 64];
    uint32_t index[INDEX];
};

static inline uint64_t line_hash(uint64_t line)
{
    return line / LINE_BYTES * 0x9e3779b97f4a7c15u;
}

static inline uint64_t entry_hash(uint64_t line, uint64_t pc, uint8_t kind)
{
    return ((line / LINE_BYTES << 20) + pc + ((uint64_t)kind << 56)) * 0x9e3779b97f4a7c15u;
}

static inline uint64_t *line_word(struct park *park, uint64_t line)
{
    return &park->lines[line_hash(line) >> 48 >> 6];
}

static inline uint64_t line_bit(uint64_t line)
{
    return UINT64_C(1) << (line_hash(line) >> 48 & 63);
}
static_assert(LINES == 1u << 16, "line_word, line_bit");

static NOINLINE bool park_make(struct thread *thread, struct access_state *state)
{
    struct park *park = state->park;
    if (!park)
        park = state->park = memory_get(sizeof *park);
    if (!park || park->refused)
        return false;
    park->average = TRACE_PARK_ENTRIES;
    park->entries = stream_park(&thread->access_stream);
    park->refused = !park->entries;
    return !park->refused;
}

static bool line_park(struct thread *thread, struct access_state *state,
                      const struct trace_open *entry, uint64_t line, uint64_t mask)
{
    struct park *park = state->park;
    if (UNLIKELY(!park || !park->entries)) {
        if (!park_make(thread, state))
            return false;
        park = state->park;
    }
    uint64_t hash = entry_hash(line, entry->pc, entry->kind);
    uint32_t tag = (uint32_t)hash & ~(NUMBER - 1), place = (uint32_t)(hash >> PLACE_SHIFT);
    static_assert(INDEX == 1u << (64 - PLACE_SHIFT) && NUMBER == INDEX, "place, tag");
    for (uint32_t word; (word = park->index[place]); place = (place + 1) % INDEX) {
        struct trace_parked *parked = &park->entries[(word & (NUMBER - 1)) - 1];
        if ((word & ~(NUMBER - 1)) == tag && parked->line == line && parked->pc == entry->pc &&
            parked->kind == entry->kind && parked->context == entry->context) {
            parked->mask |= mask;
            park->hits++;
            return true;
        }
    }
    uint32_t number = state->parked;
    if (UNLIKELY(number == TRACE_PARK_ENTRIES)) {
        park_write(thread, state);
        park->average = (3 * park->average + park->hits) / 4;
        park->hits = 0;
        state->unparked = park->average < HITS_LEAST ? REST : 0;
        return false;
    }
    if (!number || entry->context < park->oldest)
        park->oldest = entry->context;
    uint16_t site = (uint16_t)site_bucket(entry->pc, entry->kind);
    park->count[site]++;
    *line_word(park, line) |= line_bit(line);
    struct trace_parked *parked = &park->entries[number];
    parked->line = line;
    parked->pc = entry->pc;
    parked->context = entry->context;
    parked->kind = entry->kind;
    parked->site = site;
    STORE_BARRIER();
    parked->mask = mask;
    park->index[place] = tag | (number + 1);
    state->parked = number + 1;
    return true;
}

/* A row of two lines that differ is no row. If the second is written, the first is told twice, which is harmless. */
bool park_put(struct thread *thread, struct access_state *state, const struct trace_open *entry)
{
    if (entry->run > 1 || (entry->run && entry->run_mask == entry->mask))
        return false;
    uint64_t before = entry->line - (uint64_t)((int64_t)entry->stride * LINE_BYTES);
    return (!entry->run || line_park(thread, state, entry, before, entry->run_mask)) &&
           line_park(thread, state, entry, entry->line, entry->mask);
}

/* order[] becomes the parked by site, each site's as they came; a few just as they came. */
static void park_order(struct park *park, uint32_t count)
{
    if (count <= FEW) {
        for (uint32_t i = 0; i < count; i++) {
            park->order[i] = (uint16_t)i;
            park->count[park->entries[i].site] = 0;
        }
        return;
    }
    uint16_t sum = 0;
    for (uint32_t i = 0; i < SITE_BUCKETS; i++) {
        uint16_t here = park->count[i];
        park->count[i] = sum;
        sum = (uint16_t)(sum + here);
    }
    for (uint32_t i = 0; i < count; i++)
        park->order[park->count[park->entries[i].site]++] = (uint16_t)i;
    raw_zero(park->count, sizeof park->count);
}

static void index_clear(struct park *park, uint32_t count)
{
    if (count > FEW) {
        raw_zero(park->index, sizeof park->index);
        raw_zero(park->lines, sizeof park->lines);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct trace_parked *parked = &park->entries[i];
        uint32_t place =
            (uint32_t)(entry_hash(parked->line, parked->pc, parked->kind) >> PLACE_SHIFT);
        for (; park->index[place]; place = (place + 1) % INDEX)
            park->index[place] = 0;
        *line_word(park, parked->line) = 0;
    }
}

/* Each is cleared after its record is whole. */
void park_write(struct thread *thread, struct access_state *state)
{
    struct park *park = state->park;
    uint32_t count = state->parked;
    park_order(park, count);
    for (uint32_t from = 0, to; from < count; from = to) {
        to = count - from < 2 * BATCH_MAX ? count : from + 2 * BATCH_MAX;
        uint8_t *p = stream_begin(&thread->access_stream);
        for (uint32_t i = from; p && i < to; i++) {
            const struct trace_parked *parked = &park->entries[park->order[i]];
            p = line_put(&state->codec, p, parked->kind, parked->pc, parked->line, parked->mask,
                         parked->context);
        }
        if (p)
            stream_commit(&thread->access_stream, p);
        STORE_BARRIER();
        for (uint32_t i = from; i < to; i++)
            park->entries[park->order[i]].mask = 0;
    }
    index_clear(park, count);
    state->parked = 0;
}

void park_write_range(struct thread *thread, struct access_state *state, uintptr_t low,
                      uintptr_t high)
{
    struct park *park = state->park;
    uintptr_t line = low & ~(uintptr_t)(LINE_BYTES - 1);
    bool there = high - line > RANGE_LOOK * LINE_BYTES;
    for (; !there && line < high; line += LINE_BYTES)
        there = *line_word(park, line) & line_bit(line);
    if (there)
        park_write(thread, state);
}

void park_write_old(struct thread *thread, struct access_state *state, uint32_t oldest)
{
    if (state->park->oldest < oldest)
        park_write(thread, state);
}

void park_forget(struct access_state *state)
{
    struct park *park = state->park;
    if (!park)
        return;
    index_clear(park, TRACE_PARK_ENTRIES);
    raw_zero(park->count, sizeof park->count);
    park->entries = NULL;
    park->refused = false;
    state->parked = 0;
}
