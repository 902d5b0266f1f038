/*
 * The owners of lines: see race_owner.h.
 */
#include "analyzer/race_owner.h"

#include <stdlib.h>

#include "analyzer/memory.h"

#define OWNER_WROTE   1u
#define OWNER_SEVERAL 2u
#define OWNER_FLAGS   2u /* bits */

/* A tag begins with the line's place in its bucket and which of its buckets this is: with the bucket that gives back the
 * index of the line. Then come bits of the hash that did not choose the bucket. */
#define PLACE_BITS    4u
#define TRIES         3u
#define TRY_BITS      2u
static_assert(RACE_OWNER_BUCKET == 1u << PLACE_BITS, "a place for each word");
static_assert(24 + OWNER_FLAGS + PLACE_BITS + TRY_BITS <= 32, "RACE_TASK_MAX fits");

void race_owners_open(struct race_owners *owners, unsigned bits, uint32_t task_count)
{
    unsigned task_bits = 1;
    while (task_count > 1 && (task_count - 1) >> task_bits)
        task_bits++;
    *owners = (struct race_owners){
        .bits = bits,
        .task_bits = task_bits,
        .buckets =
            memory_pages((UINT64_C(1) << bits) / RACE_OWNER_BUCKET, sizeof(*owners->buckets)),
        .crowded = memory_pages((UINT64_C(1) << bits) / 64, sizeof(*owners->crowded)),
    };
}

/* What a word has beside its task and flags. */
static inline uint32_t tag_of(const struct race_owners *owners, uint64_t line)
{
    uint64_t hash = (line >> RACE_SCAN_GROUP) * RACE_HASH << (owners->bits - RACE_SCAN_GROUP);
    unsigned more = 32 - OWNER_FLAGS - PLACE_BITS - TRY_BITS - owners->task_bits;
    uint64_t high = hash >> 32 >> (32 - more);
    return (uint32_t)(high << (PLACE_BITS + TRY_BITS) | line % RACE_OWNER_BUCKET) << OWNER_FLAGS;
}

static inline uint32_t bits_of(__m128i a, __m128i b, __m128i c, __m128i d)
{
    return (uint32_t)_mm_movemask_epi8(
        _mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
}

/* A bit for each word of a bucket that is `value` where `mask` has bits; *empty: for each that is free. */
static inline uint32_t equal_words(const union race_owner_bucket *bucket, uint32_t mask,
                                   uint32_t value, uint32_t *empty)
{
    const __m128i masks = _mm_set1_epi32((int)mask), values = _mm_set1_epi32((int)value);
    const __m128i none = _mm_setzero_si128();
    __m128i a = bucket->all[0], b = bucket->all[1], c = bucket->all[2], d = bucket->all[3];
    *empty = bits_of(_mm_cmpeq_epi32(a, none), _mm_cmpeq_epi32(b, none), _mm_cmpeq_epi32(c, none),
                     _mm_cmpeq_epi32(d, none));
    return bits_of(_mm_cmpeq_epi32(_mm_and_si128(a, masks), values),
                   _mm_cmpeq_epi32(_mm_and_si128(b, masks), values),
                   _mm_cmpeq_epi32(_mm_and_si128(c, masks), values),
                   _mm_cmpeq_epi32(_mm_and_si128(d, masks), values));
}

static inline void note_at(_Atomic uint32_t *word, uint32_t task, uint32_t task_shift,
                           uint32_t wrote)
{
    uint32_t old = atomic_load_explicit(word, memory_order_relaxed);
    for (;;) {
        uint32_t now = old | wrote | (old >> task_shift != task ? OWNER_SEVERAL : 0);
        if (now == old || atomic_compare_exchange_weak_explicit(
                              word, &old, now, memory_order_relaxed, memory_order_relaxed))
            return;
    }
}

/* What a note is of, but for the line. */
struct note {
    uint32_t task, wrote;
    uint32_t task_shift, mask; /* of the tag */
};

static inline struct note note_of(const struct race_owners *owners, uint32_t task, bool wrote)
{
    unsigned shift = 32 - owners->task_bits;
    return (struct note){task, wrote, shift, ((1u << shift) - 1) & ~3u};
}

static inline uint32_t fresh_word(const struct note *note, uint32_t tag)
{
    return note->task << note->task_shift | tag | note->wrote;
}

/* Mostly a line has the word of its place, or can have it. False: it is another's. */
static inline bool note_at_place(_Atomic uint32_t *word, const struct note *note, uint32_t tag)
{
    uint32_t old = atomic_load_explicit(word, memory_order_relaxed);
    if (!old && atomic_compare_exchange_strong_explicit(word, &old, fresh_word(note, tag),
                                                        memory_order_relaxed, memory_order_relaxed))
        return true;
    if ((old & note->mask) != tag)
        return false;
    note_at(word, note->task, note->task_shift, note->wrote);
    return true;
}

/* The line's word in this bucket, which it may take: the first free one from its place on, around. NULL if all are others'. */
static inline _Atomic uint32_t *word_of(union race_owner_bucket *bucket, const struct note *note,
                                        uint32_t tag)
{
    uint32_t place = tag >> OWNER_FLAGS & (RACE_OWNER_BUCKET - 1);
    for (;;) {
        uint32_t empty, none = 0, found = equal_words(bucket, note->mask, tag, &empty) & ~empty;
        if (found)
            return &bucket->words[__builtin_ctz(found)];
        if (!empty)
            return NULL;
        uint32_t next = (uint32_t)__builtin_ctz(empty >> place | empty << (16 - place)) + place;
        _Atomic uint32_t *word = &bucket->words[next % RACE_OWNER_BUCKET];
        if (atomic_compare_exchange_strong_explicit(word, &none, fresh_word(note, tag),
                                                    memory_order_relaxed, memory_order_relaxed))
            return word;
    }
}
static_assert(RACE_OWNER_BUCKET == 16, "word_of");

/* It has not the word of its place. */
static __attribute__((noinline)) void note_elsewhere(struct race_owners *owners, uint64_t line,
                                                     uint32_t tag, const struct note *note)
{
    uint64_t index = race_index(line, owners->bits, RACE_SCAN_GROUP);
    uint64_t home = index / RACE_OWNER_BUCKET,
             last = (UINT64_C(1) << owners->bits) / RACE_OWNER_BUCKET - 1;
    for (uint32_t i = 0; i < TRIES; i++) {
        uint32_t here = tag | i << (OWNER_FLAGS + PLACE_BITS);
        _Atomic uint32_t *word =
            word_of(&owners->buckets[(home + i * RACE_OWNER_STEP) & last], note, here);
        if (word) {
            note_at(word, note->task, note->task_shift, note->wrote);
            return;
        }
    }
    atomic_fetch_or_explicit(&owners->crowded[index / 64], UINT64_C(1) << index % 64,
                             memory_order_relaxed);
}

void race_owner_note(struct race_owners *owners, uint64_t line, uint32_t task, bool wrote)
{
    uint64_t index = race_index(line, owners->bits, RACE_SCAN_GROUP);
    struct note note = note_of(owners, task, wrote);
    uint32_t tag = tag_of(owners, line);
    union race_owner_bucket *home = &owners->buckets[index / RACE_OWNER_BUCKET];
    if (!note_at_place(&home->words[line % RACE_OWNER_BUCKET], &note, tag))
        note_elsewhere(owners, line, tag, &note);
}

void race_owner_note_row(struct race_owners *owners, uint64_t first, uint64_t count, uint32_t task,
                         bool wrote)
{
    struct note note = note_of(owners, task, wrote);
    for (uint64_t line = first, end = first + count; line < end;) {
        uint64_t index = race_index(line, owners->bits, RACE_SCAN_GROUP);
        union race_owner_bucket *home = &owners->buckets[index / RACE_OWNER_BUCKET];
        uint32_t tag = tag_of(owners, line), place = line % RACE_OWNER_BUCKET;
        __builtin_prefetch(race_owner_home(owners, line + (1u << RACE_SCAN_GROUP), 0), 1);
        for (; place < RACE_OWNER_BUCKET && line < end; place++, line++, tag += 1 << OWNER_FLAGS)
            if (!note_at_place(&home->words[place], &note, tag))
                note_elsewhere(owners, line, tag, &note);
    }
}

void race_owner_note_all(struct race_owners *owners, bool wrote)
{
    if (wrote)
        atomic_store(&owners->all_lines, true);
    else
        atomic_store(&owners->touched, true);
}

/* The index, by race_index, of the line that has a word of this bucket. */
static uint64_t index_of(const struct race_owners *owners, uint64_t bucket, uint32_t word)
{
    uint64_t last = (UINT64_C(1) << owners->bits) / RACE_OWNER_BUCKET - 1;
    uint32_t tag = word >> OWNER_FLAGS, tries = tag >> PLACE_BITS & ((1u << TRY_BITS) - 1);
    uint64_t home = (bucket - (uint64_t)tries * RACE_OWNER_STEP) & last;
    return home * RACE_OWNER_BUCKET + tag % RACE_OWNER_BUCKET;
}

uint64_t race_owners_close(struct race_owners *owners, uint64_t *shared)
{
    uint64_t words = UINT64_C(1) << owners->bits, count = 0;
    uint32_t racy = owners->touched ? OWNER_WROTE : OWNER_WROTE | OWNER_SEVERAL;
    for (uint64_t i = 0; i < words; i++) {
        uint64_t bucket = i / RACE_OWNER_BUCKET;
        uint32_t word = atomic_load_explicit(&owners->buckets[bucket].words[i % RACE_OWNER_BUCKET],
                                             memory_order_relaxed);
        if ((word & racy) == racy) {
            uint64_t index = index_of(owners, bucket, word);
            shared[index / 64] |= UINT64_C(1) << index % 64;
        }
    }
    for (uint64_t i = 0; i < words / 64; i++) {
        shared[i] |= owners->all_lines ? ~UINT64_C(0) : atomic_load(&owners->crowded[i]);
        count += (uint64_t)__builtin_popcountll(shared[i]);
    }
    memory_pages_free(owners->buckets, words / RACE_OWNER_BUCKET, sizeof(*owners->buckets));
    memory_pages_free(owners->crowded, words / 64, sizeof(*owners->crowded));
    *owners = (struct race_owners){.buckets = NULL};
    return count;
}
