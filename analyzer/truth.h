/*
 * How sure a race of machine accesses is. Code that no compiler instrumented does not say which of
 * its plain loads and stores are atomic operations, so an unordered pair of them is a candidate and
 * no more. It is proved only with all of these:
 *
 *   1. no happens-before path orders the two (the history has seen to that);
 *   2. no atomic access to the same bytes of the same block was seen;
 *   3. the two are unordered even if all words that could be hand-made flags are taken to be
 *      (closure.h), and are not themselves such a flag that may order others;
 *   4. something shows that one of the two is not atomic (evidence.h);
 *   5. no library could carry the order unseen (carrier.h).
 *
 * All else is suspected. Races on one word that could be a flag are one finding, with those that it
 * alone explains.
 */
#ifndef ANALYZER_TRUTH_H
#define ANALYZER_TRUTH_H

#include "analyzer/analysis.h"
#include "analyzer/race.h"

enum truth_outcome {
    TRUTH_PROVED,
    TRUTH_SUSPECTED,
    TRUTH_WORD,      /* suspected; on a word that could be a flag */
    TRUTH_EXPLAINED, /* what a flag may have ordered */
    TRUTH_ATOMIC,    /* an atomic word, or ordered by one: no finding */
};

struct verdict {
    enum truth_outcome outcome;
    uint32_t group;  /* of WORD and EXPLAINED: equal for what is one finding; never 0 */
    bool overwrites; /* two stores of the flag are unordered even so */
    char *evidence;  /* that a side is not atomic, or NULL */
    char *doubt;     /* of SUSPECTED: what it lacks to be proved */
};

struct truth;
/* NULL if there is nothing to doubt: no machine accesses have raced, and blocks were seen. Adds to the coverage what will not be reported. */
struct truth *truth_new(struct analysis *analysis, struct race_worker *workers, uint32_t count);
/* The verdict on sample `sample` of pair `pair` of a worker; its texts are the caller's. */
struct verdict truth_of(struct truth *truth, uint32_t worker, uint32_t pair, uint32_t sample);
void verdict_free(struct verdict *verdict);
void truth_free(struct truth *truth);

#endif
