/*
 * One race that is worth a finding, and the finding that it becomes: race_finding.c tells, race_report.c chooses, folds and
 * groups.
 */
#ifndef ANALYZER_RACE_FINDING_H
#define ANALYZER_RACE_FINDING_H

#include "analyzer/evidence.h"
#include "analyzer/race_source.h"
#include "analyzer/truth.h"

struct found {
    const struct race_places *places;
    const struct race_pair *pair;
    const struct race_sample *sample;
    uint64_t low, high; /* source lines of the two sites */
    const char *rule;
    char *variable; /* NULL if the memory has no name */
    struct verdict verdict;
    bool folded;
    uint64_t count;
};

static inline const struct race_site *race_site_of(const struct race_places *places, uint32_t site)
{
    return &places->sites[site >> RACE_SITE_SHIFT];
}

static inline unsigned race_first_byte(uint64_t mask)
{
    return mask ? (unsigned)__builtin_ctzll(mask) : 0;
}

/* One side stands for several accesses of a line, of which the first is told. */
static inline bool race_is_vague(const struct found *found)
{
    const struct race_sample *sample = found->sample;
    return evidence_is_several(race_site_of(found->places, sample->before.site)) ||
           evidence_is_several(race_site_of(found->places, sample->after.site));
}

const char *race_access_word(const struct race_site *site);
/* Both accesses, what memory it was, who the tasks are, why nothing orders the two. The caller's, to be freed. */
struct finding *race_finding(struct analysis *analysis, const struct found *found,
                             enum finding_certainty certainty, const char *rule);

#endif
