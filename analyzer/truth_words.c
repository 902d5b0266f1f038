/*
 * Words that could be flags made by hand: those on which plain accesses of the same small size have
 * raced, and nothing says that these are not atomic operations. Words that share an access site are
 * one flag of the program: a group.
 */
#include <stdlib.h>

#include "analyzer/memory.h"
#include "analyzer/race_watch.h"
#include "analyzer/truth_inner.h"
#include "trace/codec.h"

static bool of_range(const struct race_site *site)
{
    return site->kind & (RACE_KIND_FREE | TRACE_KIND_RANGE);
}

/* A store wider than any flag: who makes an object anew, flag and all, as memset does. */
static bool is_wide_store(const struct analysis *analysis, const struct race_site *site)
{
    return site->kind & RACE_KIND_MACHINE && site->kind & TRACE_KIND_WRITE &&
           !evidence_is_both(site) && !evidence_is_several(site) && !evidence_fits(analysis, site);
}

/* More than the word that the other one is of: an object that is copied, or made anew, flag and all. */
static bool is_more(const struct race_site *site, const struct race_site *other)
{
    return site->kind & RACE_KIND_MACHINE && !evidence_is_both(site) &&
           !evidence_is_several(site) && !evidence_is_several(other) &&
           evidence_size(site) > evidence_size(other);
}

bool truth_is_whole(const struct truth *truth, const struct race_site *site,
                    const struct race_site *other)
{
    return of_range(site) || is_wide_store(truth->analysis, site) || is_more(site, other);
}

/*
 * Who frees a block may have looked at a flag in it just before (a queue's node, freed when its link
 * has been followed). Where the end of the block came to be checked first, that it raced with a small
 * store is all that is known of the two.
 */
static bool freed_beside(const struct analysis *analysis, const struct race_site *end,
                         const struct race_site *store)
{
    return end->kind & RACE_KIND_FREE && !of_range(store) && evidence_fits(analysis, store) &&
           store->kind & RACE_KIND_MACHINE && store->kind & TRACE_KIND_WRITE &&
           !evidence_is_both(store);
}

enum fit { FIT_NO, FIT_NEUTRAL, FIT_YES };

/* What a race of these two says of the word: that it could be a flag, that it is none, nothing. A
 * counter that one task moves on by an `add` while others look could be (a sequence number). */
static enum fit fits(const struct analysis *analysis, const struct race_site *a,
                     const struct race_site *b)
{
    if (freed_beside(analysis, a, b) || freed_beside(analysis, b, a))
        return FIT_YES;
    if (of_range(a) || of_range(b) || is_wide_store(analysis, a) || is_wide_store(analysis, b))
        return FIT_NEUTRAL;
    if (!((a->kind & RACE_KIND_MACHINE) || (a->kind & TRACE_KIND_ATOMIC)) ||
        !((b->kind & RACE_KIND_MACHINE) || (b->kind & TRACE_KIND_ATOMIC)))
        return FIT_NO;
    if (evidence_is_several(a) || evidence_is_several(b))
        return evidence_fits(analysis, a) && evidence_fits(analysis, b) ? FIT_YES : FIT_NO;
    if (is_more(a, b) || is_more(b, a))
        return FIT_NEUTRAL;
    if (evidence_size(a) != evidence_size(b) || !evidence_fits(analysis, a) ||
        !evidence_fits(analysis, b))
        return FIT_NO;
    if (evidence_is_both(a) && evidence_is_both(b))
        return FIT_NEUTRAL; /* who holds a ticket lock gives it back by an `add` */
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
    struct truth_word word = {
        .at = {watches, watch}, .worker = worker, .atomic = watch->atomic != 0};
    struct race_sample sample = sample_of(watch);
    bool fit = false;
    for (uint32_t l = watch->pairs; l; l = watches->links[l].next) {
        const struct race_pair *pair = &owner->history.pairs[watches->links[l].pair];
        const struct race_site *a = truth_site(truth, worker, pair->low);
        const struct race_site *b = truth_site(truth, worker, pair->high);
        enum fit now = fits(truth->analysis, a, b);
        if (now == FIT_NO)
            return;
        if (now == FIT_NEUTRAL)
            continue;
        if (evidence_is_several(a) || evidence_is_several(b)) { /* of other variables, too */
            fit = true;
            continue;
        }
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
        const struct truth_word *word = &truth->words[w];
        const struct race_history *history = &truth->workers[word->worker].history;
        parents[w] = w;
        for (uint32_t l = word->at.watch->pairs; l; l = word->at.watches->links[l].next) {
            const struct race_pair *pair = &history->pairs[word->at.watches->links[l].pair];
            const struct race_site *sites[] = {truth_site(truth, word->worker, pair->low),
                                               truth_site(truth, word->worker, pair->high)};
            for (unsigned i = 0; i < 2; i++) {
                if (of_range(sites[i]) || is_more(sites[i], sites[1 - i]))
                    continue;
                MEMORY_GROW(uses, count, capacity);
                uses[count++] = (struct site_use){sites[i]->pc, w};
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
    const struct truth_word *x = a, *y = b;
    return x->group < y->group ? -1 : x->group > y->group;
}

static uint64_t races_on(const struct truth *truth, const struct truth_word *word)
{
    uint64_t races = 0;
    for (uint32_t l = word->at.watch->pairs; l; l = word->at.watches->links[l].next)
        races += truth->workers[word->worker].history.pairs[word->at.watches->links[l].pair].count;
    return races;
}

/* Sorts the words by group. */
static void make_groups(struct truth *truth)
{
    if (truth->word_count == 0)
        return;
    unite_words(truth);
    qsort(truth->words, truth->word_count, sizeof(*truth->words), compare_words);
    truth->groups = memory_get(truth->word_count, sizeof(*truth->groups));
    for (uint32_t w = 0; w < truth->word_count;) {
        struct truth_group group = {.first = w, .explained_by = TRUTH_NONE, .rank = RANK_ATOMIC};
        for (; w < truth->word_count && truth->words[w].group == truth->words[group.first].group;
             w++) {
            const struct truth_word *word = &truth->words[w];
            enum truth_rank rank = word->atomic        ? RANK_ATOMIC
                                   : word->is_volatile ? RANK_VOLATILE
                                                       : RANK_UNKNOWN;
            group.rank = rank > group.rank ? rank : group.rank;
            group.races += races_on(truth, word);
        }
        group.end = w;
        truth->groups[truth->group_count++] = group;
    }
}

void truth_find_words(struct truth *truth)
{
    for (uint32_t i = 0; i < truth->worker_count; i++) {
        const struct race_watches *watches = truth->workers[i].history.watches;
        truth->full |= watches && watches->full;
        for (uint32_t w = 1; watches && w < watches->count; w++)
            if (watches->items[w].line == TRACE_OUTSIDE / 64)
                truth->outside = (struct closure_word){watches, &watches->items[w]};
            else
                consider(truth, i, &watches->items[w]);
    }
    make_groups(truth);
}

uint32_t *truth_groups_of_pairs(const struct truth *truth, uint32_t worker)
{
    uint32_t count = truth->workers[worker].history.pair_count;
    uint32_t *groups = memory_get(count, sizeof(*groups));
    for (uint32_t p = 0; p < count; p++)
        groups[p] = TRUTH_NONE;
    for (uint32_t w = 0; w < truth->word_count; w++) {
        const struct truth_word *word = &truth->words[w];
        for (uint32_t l = word->worker == worker ? word->at.watch->pairs : 0; l;
             l = word->at.watches->links[l].next)
            groups[word->at.watches->links[l].pair] = word->group;
    }
    return groups;
}
