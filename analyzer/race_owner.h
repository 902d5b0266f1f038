/*
 * Who touched which line, while the scan goes on: a table of words, each of which is one line's (or, seldom, that of two
 * lines that share a hash). From it comes the bitmap that tells which lines are worth a history.
 *
 * A line has a home among buckets of 16 words, one cache line each, and is told from others there by a tag; where the home
 * is full it goes to one of two other buckets, and where these are, too, it counts as shared. So lines share a fate only
 * if tags are equal, not because they meet in a place: of a table of lines that are mostly one task's own (a hash table
 * that is much larger than what is looked up in it) nearly all were worth a history before, 60 times as many as had to be.
 *
 * Invariant: a line takes the word of its place, or the first free one after it, around, and never gives it back; so it has
 * one only, whichever threads scan. A line that two tasks touched, one of which wrote, has its bit set at the end.
 */
#ifndef ANALYZER_RACE_OWNER_H
#define ANALYZER_RACE_OWNER_H

#include <emmintrin.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzer/race.h"

#define RACE_OWNER_BUCKET 16u
/* Buckets from one of a line to its next: to the next group of lines, since neighbours fill up together. */
#define RACE_OWNER_STEP   ((1u << RACE_SCAN_GROUP) / RACE_OWNER_BUCKET)

union race_owner_bucket {
    _Atomic uint32_t words[RACE_OWNER_BUCKET]; /* 0: free, else task, tag, several, wrote */
    __m128i all[RACE_OWNER_BUCKET / 4];
};

struct race_owners {
    union race_owner_bucket *buckets; /* of 2^bits words in all */
    _Atomic uint64_t *crowded;        /* bit by race_index: lines for which there was no word */
    unsigned bits;
    unsigned task_bits;             /* of a word */
    atomic_bool touched, all_lines; /* by somebody: all lines were; ... and are worth a history */
};

/* `bits`: at least 14. Tasks are below task_count. */
void race_owners_open(struct race_owners *owners, unsigned bits, uint32_t task_count);
/* Sets a bit for each place of lines that are worth a history; returns their number. The owners are gone. */
uint64_t race_owners_close(struct race_owners *owners, uint64_t *shared);
/* A task touched a line. On any number of threads. */
void race_owner_note(struct race_owners *owners, uint64_t line, uint32_t task, bool wrote);
/* ... `count` neighbours. */
void race_owner_note_row(struct race_owners *owners, uint64_t first, uint64_t count, uint32_t task,
                         bool wrote);
/* ... so many that they count as all there are. */
void race_owner_note_all(struct race_owners *owners, bool wrote);

/* The place a line is looked for first, and next: to be fetched ahead. (By who asks: a function that does nothing but
 * prefetch has no effect, gcc finds, and leaves it out.) */
static inline const union race_owner_bucket *race_owner_home(const struct race_owners *owners,
                                                             uint64_t line, unsigned tries)
{
    uint64_t home = race_index(line, owners->bits, RACE_SCAN_GROUP) / RACE_OWNER_BUCKET;
    uint64_t last = (UINT64_C(1) << owners->bits) / RACE_OWNER_BUCKET - 1;
    return &owners->buckets[(home + tries * RACE_OWNER_STEP) & last];
}

#endif
