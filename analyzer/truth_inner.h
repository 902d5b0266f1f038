/*
 * What the parts of truth.h share: truth_words.c finds the words that could be flags, truth_rank.c
 * says which are the likeliest, truth_explain.c tries which races they order, truth.c makes verdicts
 * of that.
 */
#ifndef ANALYZER_TRUTH_INNER_H
#define ANALYZER_TRUTH_INNER_H

#include "analyzer/closure.h"
#include "analyzer/evidence.h"
#include "analyzer/race_source.h"
#include "analyzer/truth.h"

#define TRUTH_NONE UINT32_MAX

enum truth_rank { RANK_ATOMIC, RANK_VOLATILE, RANK_UNKNOWN }; /* best first */

struct truth_word {
    struct closure_word at;
    uint32_t worker, group;
    bool atomic, is_volatile;
};

struct truth_group { /* words that share an access site: one flag of the program */
    uint32_t first, end;
    uint32_t explained_by; /* a better group that alone orders all races of this one, or NONE */
    uint64_t races;
    enum truth_rank rank;
    uint32_t does;  /* pairs on other memory that it alone orders */
    bool may_order; /* with others it might order something */
    bool orders;    /* alone it orders all races of something */
    bool overwrites;
};

struct truth_pair {
    uint32_t worker, pair;
    uint32_t group;        /* of the words it raced on, NONE if they are no flags */
    uint32_t class;        /* a pair that stands for all that raced on the same memory */
    uint32_t explained_by; /* group, NONE: not explained */
    uint32_t samples;      /* bit i: sample i might be ordered */
    uint32_t outside;      /* bit i: ... by what passes unseen, and not without it */
    bool ordered;          /* every instance might be, by whatever words together */
    bool known;            /* ... and it is known by which */
    bool atomic;           /* both are atomic operations of the source */
};

struct truth {
    struct analysis *analysis;
    struct race_worker *workers;
    uint32_t worker_count;
    struct truth_word *words;
    uint32_t word_count, word_capacity;
    struct truth_group *groups; /* best first, and so are the words */
    uint32_t group_count;
    struct truth_pair *pairs; /* by worker and pair */
    uint32_t pair_count, pair_capacity;
    struct closure *closure;
    struct closure_word *closure_words; /* [word_count], and the one that follows */
    struct closure_word outside; /* TRACE_OUTSIDE; its watch is NULL if nothing passed there */
    struct evidence_finder finder;
    bool *path;
    bool full;
    const struct trace_module *doubt;
    const char *doubt_reason;
};

static inline const struct race_site *truth_site(const struct truth *truth, uint32_t worker,
                                                 uint32_t site)
{
    return &truth->workers[worker].source->places.sites[site >> RACE_SITE_SHIFT];
}

static inline const struct race_pair *truth_race(const struct truth *truth,
                                                 const struct truth_pair *pair)
{
    return &truth->workers[pair->worker].history.pairs[pair->pair];
}

static inline bool truth_is_machine(const struct race_pair *pair)
{
    return (pair->low | pair->high) & RACE_SITE_MACHINE;
}

static inline struct race_instance truth_instance(const struct race_sample *sample)
{
    return (struct race_instance){.before_task = (uint32_t)sample->before.task,
                                  .after_task = (uint32_t)sample->after.task,
                                  .before_site = sample->before.site,
                                  .after_site = sample->after.site,
                                  .before_segment = sample->before.segment,
                                  .after_segment = sample->after.segment};
}

/* Is it of more than what `other`, which it races with, is of, whatever flags are among it: the end of a block, a copy, an
 * object made anew? */
bool truth_is_whole(const struct truth *truth, const struct race_site *site,
                    const struct race_site *other);
/* Finds the words and makes groups of them. */
void truth_find_words(struct truth *truth);
/* Sorts groups and words, and makes the closure's words of them. */
void truth_rank(struct truth *truth);
/* By pair of a worker: the group of the words it raced on, or NONE; to be freed. */
uint32_t *truth_groups_of_pairs(const struct truth *truth, uint32_t worker);
/* Whether the words make an order of the two, in either direction: the trace may have come to them
 * the other way round. */
enum closure_answer truth_ordered(struct closure *closure, struct closure_choice choice,
                                  const struct race_instance *instance, bool *path);
/* Tries all pairs. */
void truth_explain(struct truth *truth);

#endif
