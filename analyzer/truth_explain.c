/*
 * Which races the words may have ordered. Two questions, since two answers are needed:
 *
 * Might any words together have ordered a race? Then it is not proved. Words of a group are tried
 * against better groups only, so that two flags do not explain each other.
 *
 * Does one flag alone order it? Only then is the race told as the flag's. That must hold for all
 * that raced on the same memory, each time that is known of, whatever the sites: a flag that guards
 * data guards all accesses to them, while a chance order leaves some of them out. Memory that is
 * handed there and back has a flag for each direction, so it may be two that share this between
 * them, each time one of them alone. Words known to be atomic may help in any case, and what these
 * order by themselves is no race at all.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race_watch.h"
#include "analyzer/truth_inner.h"

#define STEPS UINT64_C(300000000) /* of each of the two closures: a few seconds */
#define FLAGS 2u

struct explain {
    struct truth *truth;
    struct closure *alone; /* has steps of its own: those are no reason to doubt what is proved */
    uint32_t atomic_groups, atomic_words;
};

/* ---- might it be ordered? ---- */

enum closure_answer truth_ordered(struct closure *closure, struct closure_choice choice,
                                  const struct race_instance *instance, bool *path)
{
    enum closure_answer before =
        closure_before(closure, choice, instance->before_task, instance->before_segment,
                       instance->after_task, instance->after_segment, path);
    if (before == CLOSURE_ORDERED)
        return before;
    enum closure_answer after =
        closure_before(closure, choice, instance->after_task, instance->after_segment,
                       instance->before_task, instance->before_segment, path);
    enum closure_answer answer = after == CLOSURE_UNORDERED ? before : after;
    return answer == CLOSURE_UNKNOWN && !closure_loaded(closure, choice, instance)
               ? CLOSURE_UNORDERED
               : answer;
}

/* Notes which groups had a part in it. */
static enum closure_answer try_one(struct truth *truth, struct closure_choice choice,
                                   const struct race_instance *instance)
{
    if (choice.common == 0 && choice.first == choice.end)
        return CLOSURE_UNORDERED;
    memset(truth->path, 0, truth->word_count);
    return truth_ordered(truth->closure, choice, instance, truth->path);
}

static void note_path(struct truth *truth, bool *groups)
{
    for (uint32_t w = 0; w < truth->word_count; w++)
        if (truth->path[w])
            groups[truth->words[w].group] = true;
}

/* Whether what the kernel passed on unseen might have ordered it, with the words or alone. It is the word behind them. */
static bool try_outside(struct truth *truth, struct closure_choice choice,
                        const struct race_instance *instance)
{
    if (!truth->outside.watch)
        return false;
    choice.end = truth->word_count + 1;
    return truth_ordered(truth->closure, choice, instance, NULL) != CLOSURE_UNORDERED;
}

/*
 * Which words may order a pair. Those of its own group may not, or a flag would order its own accesses, nor lesser ones, or
 * two flags would order each other's. But who ends a block, copies an object or makes it anew accesses no flag in it: that it
 * is his he knows by whatever flag (a reader's counter), or by one in the object itself (try_own), as a link in a block, which
 * he has followed before he frees it.
 */
static struct closure_choice choice_of(const struct truth *truth, const struct truth_pair *tried)
{
    const struct race_pair *pair = truth_race(truth, tried);
    const struct race_site *a = truth_site(truth, tried->worker, pair->low);
    const struct race_site *b = truth_site(truth, tried->worker, pair->high);
    uint32_t count = truth->word_count;
    struct closure_choice all = {.common = count, .first = count, .end = count};
    if (tried->group == TRUTH_NONE || (a->kind | b->kind) & RACE_KIND_FREE)
        return all;
    const struct truth_group *own = &truth->groups[tried->group];
    bool whole = truth_is_whole(truth, a, b) || truth_is_whole(truth, b, a);
    return (struct closure_choice){
        .common = own->first, .first = whole ? own->end : count, .end = count};
}

/*
 * Whether an object's own flag may have told that it is his to who copies it or makes it anew. It can only tell him: the next
 * one who accesses the flag must have been told by something else that the object has been made.
 */
static enum closure_answer try_own(struct truth *truth, const struct truth_pair *tried,
                                   const struct race_instance *instance)
{
    const struct race_site *before = truth_site(truth, tried->worker, instance->before_site);
    const struct race_site *after = truth_site(truth, tried->worker, instance->after_site);
    const struct closure_choice all = {.common = truth->word_count};
    if (tried->group == TRUTH_NONE ||
        truth_is_whole(truth, before, after) == truth_is_whole(truth, after, before))
        return CLOSURE_UNORDERED;
    memset(truth->path, 0, truth->word_count);
    if (truth_is_whole(truth, after, before))
        return closure_before(truth->closure, all, instance->before_task, instance->before_segment,
                              instance->after_task, instance->after_segment, truth->path);
    return closure_before(truth->closure, all, instance->after_task, instance->after_segment,
                          instance->before_task, instance->before_segment, truth->path);
}

static void try_pair(struct truth *truth, struct truth_pair *tried, bool *groups)
{
    const struct race_pair *pair = truth_race(truth, tried);
    struct closure_choice choice = choice_of(truth, tried);
    memset(groups, 0, truth->group_count);
    tried->ordered = tried->known = true;
    for (uint32_t i = 0; i < pair->sample_count + pair->instance_count; i++) {
        bool sample = i < pair->sample_count;
        if (!sample && !tried->ordered)
            break;
        struct race_instance instance =
            sample ? truth_instance(&pair->samples[i]) : pair->instances[i - pair->sample_count];
        enum closure_answer answer = try_one(truth, choice, &instance);
        if (answer == CLOSURE_UNORDERED)
            answer = try_own(truth, tried, &instance);
        if (answer == CLOSURE_UNORDERED)
            tried->ordered = false;
        if (sample && answer == CLOSURE_UNORDERED && try_outside(truth, choice, &instance))
            tried->outside |= 1u << i;
        if (sample && answer != CLOSURE_UNORDERED)
            tried->samples |= 1u << i;
        if (answer == CLOSURE_UNKNOWN)
            tried->known = false;
        else if (answer == CLOSURE_ORDERED)
            note_path(truth, groups);
    }
    for (uint32_t g = 0; g < truth->group_count && tried->ordered; g++)
        truth->groups[g].may_order |= groups[g];
}

/* Whether two stores of a flag are unordered although each load of it acquires. */
static bool overwrites(struct truth *truth, const struct truth_pair *tried)
{
    const struct race_pair *pair = truth_race(truth, tried);
    if (!(pair->low & pair->high & RACE_SITE_WRITE) || pair->sample_count == 0)
        return false;
    struct race_instance instance = truth_instance(&pair->samples[0]);
    struct closure_choice choice = {.common = truth->groups[tried->group].end};
    return try_one(truth, choice, &instance) == CLOSURE_UNORDERED;
}

/* ---- what belongs together ---- */

static uint32_t class_of(struct truth *truth, uint32_t pair)
{
    struct truth_pair *pairs = truth->pairs;
    while (pairs[pair].class != pair)
        pair = pairs[pair].class = pairs[pairs[pair].class].class;
    return pair;
}

static void unite(struct truth *truth, uint32_t a, uint32_t b)
{
    uint32_t x = class_of(truth, a), y = class_of(truth, b);
    truth->pairs[x > y ? x : y].class = x < y ? x : y;
}

struct key { /* pairs with the same key belong together */
    uint64_t low, high;
    uint32_t pair;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    if (x->high != y->high)
        return x->high < y->high ? -1 : 1;
    return x->pair < y->pair ? -1 : x->pair > y->pair;
}

static void unite_alike(struct truth *truth, struct key *keys, uint32_t count)
{
    if (count)
        qsort(keys, count, sizeof(*keys), compare_keys);
    for (uint32_t i = 1; i < count; i++)
        if (keys[i].low == keys[i - 1].low && keys[i].high == keys[i - 1].high)
            unite(truth, keys[i].pair, keys[i - 1].pair);
}

/* Two atomic operations, as the source has it: they need no order, and whoever guards what else is there gives them none. */
static bool is_atomic(const struct truth *truth, const struct truth_pair *pair)
{
    const struct race_pair *race = truth_race(truth, pair);
    return evidence_is_atomic(&truth->finder, truth_site(truth, pair->worker, race->low)) &&
           evidence_is_atomic(&truth->finder, truth_site(truth, pair->worker, race->high));
}

/* Pairs of the same sites (each worker has its own), and of the same group of words. */
static void unite_sites(struct truth *truth)
{
    struct key *keys = memory_get(2 * truth->pair_count, sizeof(*keys));
    uint32_t count = 0;
    for (uint32_t i = 0; i < truth->pair_count; i++) {
        const struct truth_pair *pair = &truth->pairs[i];
        const struct race_pair *race = truth_race(truth, pair);
        if (pair->atomic)
            continue;
        uint64_t a = truth_site(truth, pair->worker, race->low)->pc;
        uint64_t b = truth_site(truth, pair->worker, race->high)->pc;
        keys[count++] = (struct key){a < b ? a : b, a < b ? b : a, i};
        if (pair->group != TRUTH_NONE)
            keys[count++] = (struct key){pair->group, 0, i};
    }
    unite_alike(truth, keys, count);
    free(keys);
}

/* Pairs that raced on the same bytes. */
static void unite_memory(struct truth *truth, uint32_t worker, const uint32_t *tried_of)
{
    const struct race_watches *watches = truth->workers[worker].history.watches;
    for (uint32_t w = 1; watches && w < watches->count; w++) {
        uint32_t first = TRUTH_NONE;
        for (uint32_t l = watches->items[w].pairs; l; l = watches->links[l].next) {
            uint32_t pair = tried_of[watches->links[l].pair];
            if (pair == TRUTH_NONE || truth->pairs[pair].atomic)
                continue;
            if (first != TRUTH_NONE)
                unite(truth, first, pair);
            first = pair;
        }
    }
}

/* ---- who orders them alone ---- */

/*
 * An order that is known; what only accesses would make of which nothing is known is unknown. Of the atomic words those of
 * groups from `limit` on make none.
 */
static enum closure_answer try_alone(const struct explain *explain, uint32_t group, uint32_t limit,
                                     const struct race_instance *instance)
{
    struct closure_choice choice = {.common = limit < explain->atomic_groups
                                                  ? explain->truth->groups[limit].first
                                                  : explain->atomic_words};
    if (group >= explain->atomic_groups) {
        choice.first = explain->truth->groups[group].first;
        choice.end = explain->truth->groups[group].end;
    }
    bool guesses = closure_known_only(explain->alone, true);
    enum closure_answer answer = truth_ordered(explain->alone, choice, instance, NULL);
    if (answer != CLOSURE_UNORDERED || !guesses)
        return answer;
    closure_known_only(explain->alone, false);
    answer = truth_ordered(explain->alone, choice, instance, NULL);
    return answer == CLOSURE_UNORDERED ? answer : CLOSURE_UNKNOWN;
}

/* The flags that share a class between them; the atomic words are group 0, if there are any. */
struct flags {
    uint32_t groups[FLAGS], count;
    uint32_t known, unknown; /* orders that are known, and that cannot be told (any more) */
};

/* False if no flag orders this one, or one too many would be needed. */
static bool cover(const struct explain *explain, uint32_t limit,
                  const struct race_instance *instance, struct flags *flags)
{
    bool unknown = false;
    for (uint32_t i = 0; i < flags->count; i++) {
        enum closure_answer answer = try_alone(explain, flags->groups[i], limit, instance);
        unknown |= answer == CLOSURE_UNKNOWN;
        if (answer == CLOSURE_ORDERED) {
            flags->known++;
            return true;
        }
    }
    uint32_t atomic = explain->atomic_groups < limit ? explain->atomic_groups : limit;
    uint32_t first = atomic ? atomic - 1 : 0; /* all of these at once */
    for (uint32_t g = first; g < limit && flags->count < FLAGS; g++) {
        enum closure_answer answer = try_alone(explain, g, limit, instance);
        unknown |= answer == CLOSURE_UNKNOWN;
        if (answer != CLOSURE_ORDERED)
            continue;
        flags->groups[flags->count++] = g;
        flags->known++;
        return true;
    }
    flags->unknown += unknown;
    return unknown && !closure_exhausted(explain->alone);
}

static bool cover_pair(const struct explain *explain, const struct truth_pair *tried,
                       struct flags *flags)
{
    const struct race_pair *pair = truth_race(explain->truth, tried);
    uint32_t limit = tried->group == TRUTH_NONE ? explain->truth->group_count : tried->group;
    for (uint32_t i = 0; i < pair->sample_count; i++) {
        struct race_instance instance = truth_instance(&pair->samples[i]);
        if (!cover(explain, limit, &instance, flags))
            return false;
    }
    for (uint32_t i = 0; i < pair->instance_count; i++)
        if (!cover(explain, limit, &pair->instances[i], flags))
            return false;
    return true;
}

/* The pairs of each class in a row: order[begin..end). */
static void explain_class(struct explain *explain, const uint32_t *order, uint32_t count)
{
    struct truth *truth = explain->truth;
    struct flags flags = {.count = 0};
    for (uint32_t i = 0; i < count; i++)
        if (!truth->pairs[order[i]].ordered) /* not even by all words together */
            return;
    for (uint32_t i = 0; i < count; i++)
        if (!cover_pair(explain, &truth->pairs[order[i]], &flags))
            return;
    if (flags.known == 0 || flags.known < flags.unknown)
        return;
    uint32_t best = flags.groups[0];
    for (uint32_t i = 0; i < flags.count; i++) {
        truth->groups[flags.groups[i]].orders = true;
        /* atomic words alone make it no race: what also needs a flag is the flag's */
        if (flags.groups[i] >= explain->atomic_groups &&
            (best < explain->atomic_groups || flags.groups[i] < best))
            best = flags.groups[i];
    }
    for (uint32_t i = 0; i < count; i++) {
        struct truth_pair *tried = &truth->pairs[order[i]];
        tried->explained_by = best;
        if (tried->group != TRUTH_NONE)
            truth->groups[tried->group].explained_by = best;
    }
}

static void explain_classes(struct explain *explain)
{
    struct truth *truth = explain->truth;
    struct key *keys = memory_get(truth->pair_count, sizeof(*keys));
    uint32_t *order = memory_get(truth->pair_count, sizeof(*order));
    for (uint32_t i = 0; i < truth->pair_count; i++)
        keys[i] = (struct key){class_of(truth, i), 0, i};
    if (truth->pair_count)
        qsort(keys, truth->pair_count, sizeof(*keys), compare_keys);
    for (uint32_t i = 0; i < truth->pair_count; i++)
        order[i] = keys[i].pair;
    for (uint32_t i = 0, end; i < truth->pair_count; i = end) {
        for (end = i; end < truth->pair_count && keys[end].low == keys[i].low;)
            end++;
        explain_class(explain, order + i, end - i);
    }
    free(order);
    free(keys);
}

/* ---- all of it ---- */

static void try_worker(struct truth *truth, uint32_t worker, bool *path)
{
    const struct race_history *history = &truth->workers[worker].history;
    uint32_t *groups = truth_groups_of_pairs(truth, worker);
    uint32_t *tried_of = memory_get(history->pair_count, sizeof(*tried_of));
    for (uint32_t p = 0; p < history->pair_count; p++) {
        tried_of[p] = TRUTH_NONE;
        if (p == 0)
            continue;
        bool machine = truth_is_machine(&history->pairs[p]);
        MEMORY_GROW(truth->pairs, truth->pair_count, truth->pair_capacity);
        uint32_t index = truth->pair_count++;
        if (machine)
            tried_of[p] = index;
        struct truth_pair *tried = &truth->pairs[index];
        *tried = (struct truth_pair){.worker = worker,
                                     .pair = p,
                                     .group = groups[p],
                                     .class = index,
                                     .explained_by = TRUTH_NONE};
        tried->atomic = machine && is_atomic(truth, tried);
        try_pair(truth, tried, path);
        tried->ordered &= machine; /* else it is told as no flag's */
        if (tried->group != TRUTH_NONE)
            truth->groups[tried->group].overwrites |= overwrites(truth, tried);
    }
    unite_memory(truth, worker, tried_of);
    free(tried_of);
    free(groups);
}

void truth_explain(struct truth *truth)
{
    const struct order *order = truth->analysis->order;
    const struct race_scan *scan = truth->workers[0].scan;
    struct explain explain = {.truth = truth};
    bool *path = memory_get(truth->group_count, sizeof(*path));
    uint32_t words = truth->word_count + (truth->outside.watch ? 1 : 0);
    truth->closure = closure_new(order, scan, truth->closure_words, words, STEPS);
    for (uint32_t i = 0; i < truth->worker_count; i++)
        try_worker(truth, i, path);
    free(path);
    while (explain.atomic_groups < truth->group_count &&
           truth->groups[explain.atomic_groups].rank == RANK_ATOMIC)
        explain.atomic_words = truth->groups[explain.atomic_groups++].end;
    explain.alone = closure_new(order, scan, truth->closure_words, truth->word_count, STEPS);
    closure_trust_exact(explain.alone);
    unite_sites(truth);
    explain_classes(&explain);
    closure_free(explain.alone);
}
