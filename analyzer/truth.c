/*
 * Verdicts on machine races (truth.h). First the words that could be flags are found and put into
 * groups: words that share an access site are one flag of the program. Groups are ranked by how
 * likely they are flags. Then each race is tried against the order that the words could have made:
 * one between words of a group against the words of better groups only, any other against all.
 */
#include "analyzer/truth.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/carrier.h"
#include "analyzer/closure.h"
#include "analyzer/evidence.h"
#include "analyzer/memory.h"
#include "analyzer/race_watch.h"

#define STEPS UINT64_C(300000000) /* of the closure, in all: a few seconds */
#define NONE  UINT32_MAX

enum rank { RANK_ATOMIC, RANK_VOLATILE, RANK_UNKNOWN }; /* best first */

struct word {
    struct closure_word at;
    uint32_t worker, group;
    bool atomic, is_volatile;
};

struct group {
    uint32_t first, end; /* its words */
    uint32_t explained_by;
    uint64_t races;
    enum rank rank;
    bool used; /* it orders something */
    bool overwrites;
};

struct tried { /* a machine pair */
    uint32_t worker, pair;
    uint32_t group;        /* of the words it raced on, NONE if they are no flags */
    uint32_t explained_by; /* group, NONE: not explained */
    uint32_t samples;      /* bit i: sample i is explained */
    bool explained;        /* every instance is */
};

struct truth {
    struct analysis *analysis;
    struct race_worker *workers;
    uint32_t worker_count;
    struct word *words;
    uint32_t word_count, word_capacity;
    struct group *groups;
    uint32_t group_count;
    struct tried *pairs;
    uint32_t pair_count, pair_capacity;
    struct closure *closure;
    struct closure_word *closure_words;
    struct evidence_finder finder;
    bool *path;
    bool full;
    const struct trace_module *doubt;
    const char *doubt_reason;
};

static const struct race_site *site_of(const struct truth *truth, uint32_t worker, uint32_t site)
{
    return &truth->workers[worker].places.sites[site >> RACE_SITE_SHIFT];
}

static bool plain_size_agrees(const struct race_site *a, const struct race_site *b)
{
    return TRACE_KIND_SIZE(a->kind & 0xff) == TRACE_KIND_SIZE(b->kind & 0xff);
}

static bool of_range(const struct race_site *site)
{
    return site->kind & (RACE_KIND_FREE | TRACE_KIND_RANGE);
}

/* ---- which words could be flags ---- */

enum fit { FIT_NO, FIT_NEUTRAL, FIT_YES };

/* What a race of these two says of the word: that it could be a flag, that it is none, nothing. A
 * counter that one task moves on by an `add` while others look could be (a sequence number). */
static enum fit fits(const struct truth *truth, const struct race_site *a,
                     const struct race_site *b)
{
    if (of_range(a) || of_range(b))
        return FIT_NEUTRAL;
    if (!((a->kind & RACE_KIND_MACHINE) || (a->kind & TRACE_KIND_ATOMIC)) ||
        !((b->kind & RACE_KIND_MACHINE) || (b->kind & TRACE_KIND_ATOMIC)))
        return FIT_NO;
    if (!plain_size_agrees(a, b) || TRACE_KIND_SIZE(a->kind & 0xff) > 3)
        return FIT_NO;
    if (evidence_is_both(a) && evidence_is_both(b))
        return symbols_compiler(truth->analysis->symbols, a->pc - 1) == COMPILER_GCC ? FIT_NO
                                                                                     : FIT_NEUTRAL;
    if ((evidence_is_both(a) && b->kind & TRACE_KIND_WRITE) ||
        (evidence_is_both(b) && a->kind & TRACE_KIND_WRITE))
        return FIT_NEUTRAL;
    return FIT_YES;
}

static struct race_sample sample_of(const struct race_watch *watch)
{
    struct race_sample sample = {.address = watch->line * 64, .mask = watch->mask};
    sample.block.address = watch->block ? 1 : 0; /* not a variable of fixed place */
    return sample;
}

/* What the stores from before the watch began are after. */
static void ask_periods(const struct truth *truth, const struct race_watches *watches,
                        const struct race_watch *watch)
{
    struct order *order = truth->analysis->order;
    for (uint32_t l = watch->logs; l; l = watches->logs[l].next) {
        const struct race_log *log = &watches->logs[l];
        for (uint32_t i = 0; i < log->count; i++) {
            struct race_period *period = &log->periods[i];
            if (period->after[0] != RACE_PERIOD_ASK)
                continue;
            const uint64_t *clock = order_clock(order, log->task, period->first, false);
            for (uint32_t t = 0; t < RACE_WATCH_TASKS; t++)
                period->after[t] = watch->tasks[t] ? clock[watch->tasks[t]] : 0;
        }
    }
}

static void consider(struct truth *truth, uint32_t worker, const struct race_watch *watch)
{
    const struct race_worker *owner = &truth->workers[worker];
    const struct race_watches *watches = owner->history.watches;
    struct word word = {.at = {watches, watch}, .worker = worker, .atomic = watch->atomic != 0};
    struct race_sample sample = sample_of(watch);
    bool fit = false;
    for (uint32_t l = watch->pairs; l; l = watches->links[l].next) {
        const struct race_pair *pair = &owner->history.pairs[watches->links[l].pair];
        const struct race_site *a = site_of(truth, worker, pair->low);
        const struct race_site *b = site_of(truth, worker, pair->high);
        enum fit now = fits(truth, a, b);
        if (now == FIT_NO)
            return;
        if (now == FIT_NEUTRAL)
            continue;
        struct evidence evidence;
        evidence_find(&truth->finder, a, b, &sample, &evidence);
        free(evidence.text);
        if (evidence.declared_plain)
            return;
        word.is_volatile |= evidence.declared == OBJECT_VOLATILE;
        word.atomic |=
            evidence.declared == OBJECT_ATOMIC ||
            (evidence_is_atomic(&truth->finder, a) && evidence_is_atomic(&truth->finder, b));
        fit = true;
    }
    if (!fit)
        return;
    ask_periods(truth, watches, watch);
    MEMORY_GROW(truth->words, truth->word_count, truth->word_capacity);
    truth->words[truth->word_count++] = word;
}

/* ---- groups ---- */

struct site_use {
    uint64_t pc;
    uint32_t word;
};

static int compare_uses(const void *a, const void *b)
{
    const struct site_use *x = a, *y = b;
    if (x->pc != y->pc)
        return x->pc < y->pc ? -1 : 1;
    return x->word < y->word ? -1 : x->word > y->word;
}

static uint32_t root_of(uint32_t *parents, uint32_t word)
{
    while (parents[word] != word)
        word = parents[word] = parents[parents[word]];
    return word;
}

/* Unites words that were accessed at one site; words[i].group becomes the root's index. */
static void unite_words(struct truth *truth)
{
    struct site_use *uses = NULL;
    uint32_t count = 0, capacity = 0;
    uint32_t *parents = memory_get(truth->word_count, sizeof(*parents));
    for (uint32_t w = 0; w < truth->word_count; w++) {
        const struct word *word = &truth->words[w];
        const struct race_history *history = &truth->workers[word->worker].history;
        parents[w] = w;
        for (uint32_t l = word->at.watch->pairs; l; l = word->at.watches->links[l].next) {
            const struct race_pair *pair = &history->pairs[word->at.watches->links[l].pair];
            const uint32_t sites[] = {pair->low, pair->high};
            for (unsigned i = 0; i < 2; i++) {
                const struct race_site *site = site_of(truth, word->worker, sites[i]);
                if (of_range(site))
                    continue;
                MEMORY_GROW(uses, count, capacity);
                uses[count++] = (struct site_use){site->pc, w};
            }
        }
    }
    if (count)
        qsort(uses, count, sizeof(*uses), compare_uses);
    for (uint32_t i = 1; i < count; i++)
        if (uses[i].pc == uses[i - 1].pc)
            parents[root_of(parents, uses[i].word)] = root_of(parents, uses[i - 1].word);
    for (uint32_t w = 0; w < truth->word_count; w++)
        truth->words[w].group = root_of(parents, w);
    free(parents);
    free(uses);
}

static int compare_words(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    return x->group < y->group ? -1 : x->group > y->group;
}

static int compare_groups(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->races != y->races)
        return x->races > y->races ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static uint64_t races_on(const struct truth *truth, const struct word *word)
{
    uint64_t races = 0;
    for (uint32_t l = word->at.watch->pairs; l; l = word->at.watches->links[l].next)
        races += truth->workers[word->worker].history.pairs[word->at.watches->links[l].pair].count;
    return races;
}

/* Sorts the words by group, the groups by rank, and numbers them anew. */
static void make_groups(struct truth *truth)
{
    if (truth->word_count == 0)
        return;
    unite_words(truth);
    qsort(truth->words, truth->word_count, sizeof(*truth->words), compare_words);
    truth->groups = memory_get(truth->word_count, sizeof(*truth->groups));
    struct word *sorted = memory_get(truth->word_count, sizeof(*sorted));
    for (uint32_t w = 0; w < truth->word_count;) {
        struct group group = {.first = w, .explained_by = NONE, .rank = RANK_ATOMIC};
        for (; w < truth->word_count && truth->words[w].group == truth->words[group.first].group;
             w++) {
            const struct word *word = &truth->words[w];
            enum rank rank = word->atomic        ? RANK_ATOMIC
                             : word->is_volatile ? RANK_VOLATILE
                                                 : RANK_UNKNOWN;
            group.rank = rank > group.rank ? rank : group.rank;
            group.races += races_on(truth, word);
        }
        group.end = w;
        truth->groups[truth->group_count++] = group;
    }
    qsort(truth->groups, truth->group_count, sizeof(*truth->groups), compare_groups);
    uint32_t at = 0;
    for (uint32_t g = 0; g < truth->group_count; g++) {
        struct group *group = &truth->groups[g];
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
}

/* ---- trying ---- */

/* The group of the words that each pair of a worker raced on. */
static uint32_t *groups_of_pairs(const struct truth *truth, uint32_t worker)
{
    uint32_t count = truth->workers[worker].history.pair_count;
    uint32_t *groups = memory_get(count, sizeof(*groups));
    for (uint32_t p = 0; p < count; p++)
        groups[p] = NONE;
    for (uint32_t w = 0; w < truth->word_count; w++) {
        const struct word *word = &truth->words[w];
        for (uint32_t l = word->worker == worker ? word->at.watch->pairs : 0; l;
             l = word->at.watches->links[l].next)
            groups[word->at.watches->links[l].pair] = word->group;
    }
    return groups;
}

/* Whether words before `limit` order the two in either direction; notes which group did. */
static bool try_one(struct truth *truth, uint32_t limit, const struct race_instance *instance,
                    uint32_t *by)
{
    bool ordered = false;
    if (limit == 0)
        return false;
    memset(truth->path, 0, truth->word_count);
    ordered = closure_before(truth->closure, limit, instance->before_task, instance->before_segment,
                             instance->after_task, instance->after_segment, truth->path) ||
              closure_before(truth->closure, limit, instance->after_task, instance->after_segment,
                             instance->before_task, instance->before_segment, truth->path);
    for (uint32_t w = 0; ordered && w < limit; w++) {
        if (!truth->path[w])
            continue;
        if (*by == NONE || truth->words[w].group < *by)
            *by = truth->words[w].group;
        break;
    }
    return ordered;
}

static void try_pair(struct truth *truth, struct tried *tried)
{
    const struct race_pair *pair = &truth->workers[tried->worker].history.pairs[tried->pair];
    uint32_t limit = tried->group == NONE ? truth->word_count : truth->groups[tried->group].first;
    uint32_t by = NONE;
    tried->explained = true;
    for (uint32_t i = 0; i < pair->sample_count; i++) {
        const struct race_sample *sample = &pair->samples[i];
        struct race_instance instance = {.before_task = (uint32_t)sample->before.task,
                                         .after_task = (uint32_t)sample->after.task,
                                         .before_segment = sample->before.segment,
                                         .after_segment = sample->after.segment};
        if (try_one(truth, limit, &instance, &by))
            tried->samples |= 1u << i;
        else
            tried->explained = false;
    }
    for (uint32_t i = 0; i < pair->instance_count && tried->explained; i++)
        tried->explained = try_one(truth, limit, &pair->instances[i], &by);
    tried->explained_by = tried->explained ? by : NONE;
    if (tried->explained && by != NONE)
        truth->groups[by].used = true;
}

/* Whether two stores of a flag are unordered although each load of it acquires. */
static bool overwrites(struct truth *truth, const struct tried *tried)
{
    const struct race_pair *pair = &truth->workers[tried->worker].history.pairs[tried->pair];
    uint32_t by;
    if (!(pair->low & pair->high & RACE_SITE_WRITE) || pair->sample_count == 0)
        return false;
    const struct race_sample *sample = &pair->samples[0];
    struct race_instance instance = {.before_task = (uint32_t)sample->before.task,
                                     .after_task = (uint32_t)sample->after.task,
                                     .before_segment = sample->before.segment,
                                     .after_segment = sample->after.segment};
    return !try_one(truth, truth->groups[tried->group].end, &instance, &by);
}

static bool is_machine(const struct race_pair *pair)
{
    return (pair->low | pair->high) & RACE_SITE_MACHINE;
}

static void try_worker(struct truth *truth, uint32_t worker)
{
    const struct race_history *history = &truth->workers[worker].history;
    uint32_t *groups = groups_of_pairs(truth, worker);
    for (uint32_t p = 1; p < history->pair_count; p++) {
        if (!is_machine(&history->pairs[p]))
            continue;
        MEMORY_GROW(truth->pairs, truth->pair_count, truth->pair_capacity);
        struct tried *tried = &truth->pairs[truth->pair_count++];
        *tried =
            (struct tried){.worker = worker, .pair = p, .group = groups[p], .explained_by = NONE};
        try_pair(truth, tried);
        if (tried->group == NONE)
            continue;
        struct group *group = &truth->groups[tried->group];
        if (tried->explained_by != NONE && group->explained_by == NONE)
            group->explained_by = tried->explained_by;
        group->overwrites |= overwrites(truth, tried);
    }
    free(groups);
}

/* ---- verdicts ---- */

struct truth *truth_new(struct analysis *analysis, struct race_worker *workers, uint32_t count)
{
    bool any = false;
    for (uint32_t i = 0; i < count; i++)
        any |= workers[i].history.watches != NULL;
    if (!any)
        return NULL;
    struct truth *truth = memory_get(1, sizeof(*truth));
    truth->analysis = analysis;
    truth->finder.analysis = analysis;
    truth->workers = workers;
    truth->worker_count = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct race_watches *watches = workers[i].history.watches;
        truth->full |= watches && watches->full;
        for (uint32_t w = 1; watches && w < watches->count; w++)
            consider(truth, i, &watches->items[w]);
    }
    make_groups(truth);
    truth->closure_words = memory_get(truth->word_count, sizeof(*truth->closure_words));
    for (uint32_t w = 0; w < truth->word_count; w++)
        truth->closure_words[w] = truth->words[w].at;
    truth->path = memory_get(truth->word_count, sizeof(*truth->path));
    truth->closure = closure_new(analysis->order, workers[0].scan, truth->closure_words,
                                 truth->word_count, STEPS);
    truth->doubt = carrier_in_doubt(analysis->trace, &truth->doubt_reason);
    for (uint32_t i = 0; i < count; i++)
        try_worker(truth, i);
    return truth;
}

void truth_free(struct truth *truth)
{
    if (!truth)
        return;
    closure_free(truth->closure);
    free(truth->closure_words);
    free(truth->path);
    free(truth->words);
    free(truth->groups);
    free(truth->pairs);
    free(truth);
}

void verdict_free(struct verdict *verdict)
{
    free(verdict->evidence);
    free(verdict->doubt);
    *verdict = (struct verdict){TRUTH_PROVED, 0, 0, false, NULL, NULL};
}

static const struct tried *tried_of(const struct truth *truth, uint32_t worker, uint32_t pair)
{
    uint32_t low = 0, high = truth->pair_count; /* sorted by worker and pair */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct tried *tried = &truth->pairs[middle];
        if (tried->worker < worker || (tried->worker == worker && tried->pair < pair))
            low = middle + 1;
        else
            high = middle;
    }
    return low < truth->pair_count && truth->pairs[low].worker == worker &&
                   truth->pairs[low].pair == pair
               ? &truth->pairs[low]
               : NULL;
}

/* The best group that stands behind this one. */
static uint32_t root_group(const struct truth *truth, uint32_t group)
{
    while (truth->groups[group].explained_by != NONE && truth->groups[group].explained_by < group)
        group = truth->groups[group].explained_by;
    return group;
}

static bool seen_atomic(const struct truth *truth, uint32_t worker,
                        const struct race_sample *sample)
{
    const struct race_history *history = &truth->workers[worker].history;
    uint32_t index = race_watch_find(history, sample->address / 64, sample->mask,
                                     sample->after.block, sample->block.tsc);
    return index && history->watches->items[index].atomic & sample->mask;
}

static void doubt_of(const struct truth *truth, bool sample_explained, bool known, bool atomic,
                     bool unsettled, struct verdict *verdict)
{
    if (sample_explained)
        verdict->doubt =
            memory_text(known ? "a racy word that may be a flag would order this one"
                              : "a racy word may be a flag, and what was ordered by then is no "
                                "longer known: the trace was analyzed while it was written");
    else if (atomic)
        verdict->doubt = memory_text("other accesses to these bytes are atomic, and a plain one on "
                                     "x86-64 may be too");
    else if (unsettled)
        verdict->doubt = memory_text("there are more racy words than could be tried as the flag "
                                     "that orders these accesses");
    else if (truth->doubt && verdict->evidence)
        verdict->doubt = memory_format("%s might have ordered them: %s", truth->doubt->path,
                                       truth->doubt_reason);
    else
        verdict->doubt =
            memory_text("the machine code of an atomic load or store looks the same; the debug "
                        "information and the source, or a build by gorocheck cc, would tell");
}

struct verdict truth_of(struct truth *truth, uint32_t worker, uint32_t pair_index,
                        uint32_t sample_index)
{
    struct verdict verdict = {.outcome = TRUTH_PROVED};
    const struct tried *tried = truth ? tried_of(truth, worker, pair_index) : NULL;
    if (!tried)
        return verdict; /* the compiler has told which accesses are atomic */
    const struct race_pair *pair = &truth->workers[worker].history.pairs[pair_index];
    const struct race_sample *sample = &pair->samples[sample_index];
    const struct race_site *a = site_of(truth, worker, pair->low);
    const struct race_site *b = site_of(truth, worker, pair->high);
    struct evidence evidence;
    evidence_find(&truth->finder, a, b, sample, &evidence);
    verdict.evidence = evidence.text;
    bool explained = tried->samples >> sample_index & 1;
    bool unsettled = truth->full || closure_exhausted(truth->closure);
    bool atomic = (pair->low | pair->high) & RACE_SITE_ATOMIC ||
                  evidence.declared == OBJECT_ATOMIC || seen_atomic(truth, worker, sample) ||
                  (evidence_is_atomic(&truth->finder, a) && evidence_is_atomic(&truth->finder, b));
    uint32_t group = tried->explained_by != NONE ? tried->explained_by : tried->group;
    if (atomic && !verdict.evidence && evidence_could_be_atomic(a) && evidence_could_be_atomic(b)) {
        verdict.outcome = TRUTH_ATOMIC;
    } else if (group != NONE && !atomic &&
               (tried->explained_by != NONE || truth->groups[group].used)) {
        uint32_t root = root_group(truth, group);
        verdict.group = root + 1;
        verdict.rank = root;
        verdict.overwrites = truth->groups[root].overwrites;
        verdict.outcome = truth->groups[root].rank == RANK_ATOMIC ? TRUTH_ATOMIC
                          : tried->group == root                  ? TRUTH_FLAG
                                                                  : TRUTH_EXPLAINED;
    } else if (atomic || unsettled || explained || truth->doubt || !verdict.evidence) {
        verdict.outcome = TRUTH_SUSPECTED;
        bool known = !tried->explained || tried->explained_by != NONE;
        doubt_of(truth, explained && !unsettled, known, atomic, unsettled, &verdict);
    }
    return verdict;
}
