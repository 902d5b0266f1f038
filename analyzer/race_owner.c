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

/* The line's word in this bucket, which it may take; NULL if all are others'. */
static inline _Atomic uint32_t *word_of(union race_owner_bucket *bucket, uint32_t mask,
                                        uint32_t tag, uint32_t fresh)
{
    for (;;) {
        uint32_t empty, none = 0, found = equal_words(bucket, mask, tag, &empty);
        /* (A free word has the tag 0, too: the word must be before the first free one.) */
        found &= empty ? (empty & -empty) - 1 : ~0u;
        if (found)
            return &bucket->words[__builtin_ctz(found)];
        if (!empty)
            return NULL;
        _Atomic uint32_t *word = &bucket->words[__builtin_ctz(empty)];
        if (atomic_compare_exchange_strong_explicit(word, &none, fresh, memory_order_relaxed,
                                                    memory_order_relaxed))
            return word;
    }
}

void race_owner_note(struct race_owners *owners, uint64_t line, uint32_t task, bool wrote)
{
    uint64_t index = race_index(line, owners->bits, RACE_SCAN_GROUP);
    uint64_t home = index / RACE_OWNER_BUCKET,
             last = (UINT64_C(1) << owners->bits) / RACE_OWNER_BUCKET - 1;
    unsigned task_shift = 32 - owners->task_bits;
    uint32_t tag = tag_of(owners, line), mask = ((1u << task_shift) - 1) & ~3u;
    for (uint32_t i = 0; i < TRIES; i++) {
        uint32_t here = tag | i << (OWNER_FLAGS + PLACE_BITS);
        _Atomic uint32_t *word = word_of(&owners->buckets[(home + i * RACE_OWNER_STEP) & last],
                                         mask, here, task << task_shift | here | wrote);
        if (word) {
            note_at(word, task, task_shift, wrote);
            return;
        }
    }
    atomic_fetch_or_explicit(&owners->crowded[index / 64], UINT64_C(1) << index % 64,
                             memory_order_relaxed);
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
