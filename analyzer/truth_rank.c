/*
 * Which words are the likeliest flags. What is known of a word comes first (it is atomic, volatile);
 * then what it does: a flag orders what others raced on, while data that it guards order nothing of
 * the flag's. (Told from a word and its data by the segments: who looks at the flag, synchronises and
 * then reads the data has read the flag before them, never the other way round.) Then how often it
 * raced.
 */
#include <stdlib.h>

#include "analyzer/memory.h"
#include "analyzer/truth_inner.h"

#define STEPS     UINT64_C(100000000) /* a second or two */
#define TRIED_MAX 128u                /* groups: with more, what they do is not asked */

static int compare_groups(const void *a, const void *b)
{
    const struct truth_group *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->does != y->does)
        return x->does > y->does ? -1 : 1;
    if (x->races != y->races)
        return x->races > y->races ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorts the groups, best first, and the words by them. */
static void sort_groups(struct truth *truth)
{
    struct truth_word *sorted = memory_get(truth->word_count, sizeof(*sorted));
    qsort(truth->groups, truth->group_count, sizeof(*truth->groups), compare_groups);
    uint32_t at = 0;
    for (uint32_t g = 0; g < truth->group_count; g++) {
        struct truth_group *group = &truth->groups[g];
        uint32_t first = at;
        for (uint32_t w = group->first; w < group->end; w++) {
            sorted[at] = truth->words[w];
            sorted[at++].group = g;
        }
        group->first = first;
        group->end = at;
    }
    free(truth->words);
    truth->words = sorted;
    for (uint32_t w = 0; w < truth->word_count; w++)
        truth->closure_words[w] = truth->words[w].at;
}

/* Whether the words of a group alone order all that is known of a race. */
static bool orders_pair(struct closure *closure, const struct truth_group *group,
                        const struct race_pair *pair)
{
    struct closure_choice choice = {.first = group->first, .end = group->end};
    for (uint32_t i = 0; i < pair->sample_count + pair->instance_count; i++) {
        struct race_instance instance = i < pair->sample_count
                                            ? truth_instance(&pair->samples[i])
                                            : pair->instances[i - pair->sample_count];
        if (truth_ordered(closure, choice, &instance, NULL) != CLOSURE_ORDERED)
            return false;
    }
    return pair->sample_count > 0;
}

/* Counts for each group the races on other words that it alone orders. */
static void count_worker(struct truth *truth, struct closure *closure, uint32_t worker)
{
    const struct race_history *history = &truth->workers[worker].history;
    uint32_t *groups = truth_groups_of_pairs(truth, worker);
    for (uint32_t p = 1; p < history->pair_count; p++) {
        const struct race_pair *pair = &history->pairs[p];
        if (!((pair->low | pair->high) & RACE_SITE_MACHINE))
            continue;
        for (uint32_t g = 0; g < truth->group_count; g++)
            if (g != groups[p] && orders_pair(closure, &truth->groups[g], pair))
                truth->groups[g].does++;
    }
    free(groups);
}

void truth_rank(struct truth *truth)
{
    if (truth->group_count == 0)
        return;
    sort_groups(truth);
    if (truth->group_count == 1 || truth->group_count > TRIED_MAX)
        return;
    struct closure *closure = closure_new(truth->analysis->order, truth->workers[0].scan,
                                          truth->closure_words, truth->word_count, STEPS);
    closure_known_only(closure, true);
    for (uint32_t i = 0; i < truth->worker_count; i++)
        count_worker(truth, closure, i);
    if (closure_exhausted(closure))
        for (uint32_t g = 0; g < truth->group_count; g++)
            truth->groups[g].does = 0;
    closure_free(closure);
    sort_groups(truth);
}
