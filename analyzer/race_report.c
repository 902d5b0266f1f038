/*
 * Which races become findings, and which of them are one to a reader. Samples of all workers are sorted
 * by their place in the trace, so that the report does not depend on how many workers there were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race_finding.h"

/* ---- findings ---- */

/* A hash of the file and line an access stands at, as a reader sees it; of the instruction if no
 * line is known. */
static uint64_t source_line(const struct analysis *analysis, uint64_t pc)
{
    struct stack stack = symbols_stack(analysis->symbols, &pc, 1, false);
    const struct frame *frame = stack_site(&stack);
    uint64_t hash = pc;
    if (frame && frame->file && frame->line > 0) {
        hash = (uint64_t)frame->line;
        for (const char *c = frame->file; *c; c++)
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
    }
    stack_free(&stack);
    return hash;
}

static const char *rule_of(const struct race_site *a, const struct race_site *b)
{
    if ((a->kind | b->kind) & RACE_KIND_FREE)
        return "free-race";
    if ((a->kind ^ b->kind) & TRACE_KIND_ATOMIC)
        return "mixed-race";
    return "data-race";
}

static void add_finding(struct analysis *analysis, const struct found *found)
{
    bool proved = found->verdict.outcome == TRUTH_PROVED;
    struct finding *finding =
        race_finding(analysis, found, proved ? FINDING_PROVED : FINDING_SUSPECTED, found->rule);
    if (found->verdict.evidence)
        finding_set(&finding->evidence, "not atomic: %s", found->verdict.evidence);
    if (found->verdict.doubt)
        finding_set(&finding->doubt, "%s", found->verdict.doubt);
    analysis_add(analysis, finding);
}

/* ---- words that could be flags ---- */

/* "May be ordered by it: write at a.c:12 and read at a.c:30 of 'data'" */
static void add_other(const struct analysis *analysis, struct finding *finding,
                      const struct found *found)
{
    bool same = found->verdict.outcome == TRUTH_WORD;
    const struct race_entry *entries[] = {&found->sample->before, &found->sample->after};
    char *places[2];
    for (unsigned i = 0; i < 2; i++) {
        const struct race_site *site = race_site_of(found->places, entries[i]->site);
        struct stack stack = symbols_stack(analysis->symbols, &site->pc, 1, false);
        const struct frame *frame = stack_site(&stack);
        char *place =
            frame ? frame_place(frame) : memory_format("0x%llx", (unsigned long long)site->pc);
        places[i] = memory_format("%s at %s", race_access_word(site), place);
        free(place);
        stack_free(&stack);
    }
    struct part *part = finding_part(finding, same ? PART_ALSO : PART_EXPLAINED,
                                     found->sample->after.task, (struct stack){NULL, 0});
    const char *variable = same ? NULL : found->variable;
    finding_set(&part->text, "%s: %s and %s%s%s%s",
                same ? "The same word, unordered too" : "May be ordered by it", places[0],
                places[1], variable ? " of '" : "", variable ? variable : "", variable ? "'" : "");
    free(places[0]);
    free(places[1]);
}

#define OTHERS_SHOWN 32u /* of each kind */

static void tell_flag(struct finding *finding, const struct found *flag, uint32_t explained)
{
    const char *name = finding->object;
    finding_set(&finding->summary,
                "%s%s%s looks like synchronisation made by hand: plain stores and loads of it, "
                "unordered, may order %u other race%s",
                name ? "'" : "", name ? name : "a word", name ? "'" : "", explained,
                explained == 1 ? "" : "s");
    finding_set(
        &finding->doubt,
        "the machine code does not show whether the accesses to it are atomic operations%s; "
        "then all of this is in order",
        flag->verdict.overwrites ? ", and two of its stores may overwrite each other even so" : "");
    finding_set(&finding->advice,
                "Make it atomic in the source, with release and acquire, or use a lock. A build by "
                "gorocheck cc, or debug information, settles which it is.");
}

/* One finding for a word, and all that it may have ordered. */
static void add_group(struct analysis *analysis, const struct found *found, uint32_t count,
                      const struct found *flag)
{
    uint32_t others[2] = {0, 0}, *const explained = &others[0];
    for (uint32_t i = 0; i < count; i++)
        *explained += !found[i].folded && found[i].verdict.group == flag->verdict.group &&
                      found[i].verdict.outcome == TRUTH_EXPLAINED;
    bool orders = *explained > 0;
    struct finding *finding = race_finding(analysis, flag, FINDING_SUSPECTED,
                                           orders ? "hand-made-synchronisation" : flag->rule);
    if (orders)
        tell_flag(finding, flag, *explained);
    else
        finding_set(&finding->doubt, "%s", flag->verdict.doubt);
    if (flag->verdict.evidence)
        finding_set(&finding->evidence, "not atomic: %s", flag->verdict.evidence);
    memset(others, 0, sizeof(others));
    for (uint32_t i = 0; i < count; i++) {
        if (found[i].folded || found[i].verdict.group != flag->verdict.group || &found[i] == flag)
            continue;
        if (others[found[i].verdict.outcome == TRUTH_WORD]++ < OTHERS_SHOWN)
            add_other(analysis, finding, &found[i]);
    }
    analysis_add(analysis, finding);
}

/* Flags with stores that may overwrite each other come first. */
static void add_groups(struct analysis *analysis, struct found *found, uint32_t count)
{
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t group = found[i].verdict.group;
            bool first = group && !found[i].folded && found[i].verdict.overwrites == (pass == 0);
            const struct found *flag = &found[i];
            for (uint32_t j = 0; j < count && first; j++) {
                if (found[j].verdict.group != group || found[j].folded)
                    continue;
                first = j >= i;
                if (flag->verdict.outcome != TRUTH_WORD && found[j].verdict.outcome == TRUTH_WORD)
                    flag = &found[j];
            }
            if (first)
                add_group(analysis, found, count, flag);
        }
    }
}

/* "table[3].count" and "table[4].count" are one thing to fold: compares without what is in
 * brackets. */
static bool same_name(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    while (*a && *a == *b) {
        if (*a == '[') {
            a = strchr(a, ']');
            b = strchr(b, ']');
            if (!a || !b)
                return false;
        }
        a++;
        b++;
    }
    return *a == *b;
}

static bool same_place(const struct found *a, const struct found *b)
{
    const struct race_block *x = &a->sample->block, *y = &b->sample->block;
    if (a->low != b->low || a->high != b->high || a->rule != b->rule ||
        a->verdict.group != b->verdict.group)
        return false;
    if (x->address || y->address)
        return x->address && y->address && x->kind == y->kind &&
               (x->kind == TRACE_ALLOC_STACK || x->pc == y->pc);
    return same_name(a->variable, b->variable);
}

static void ordered_pcs(const struct found *found, uint64_t *pcs)
{
    uint64_t a = race_site_of(found->places, found->pair->low)->pc;
    uint64_t b = race_site_of(found->places, found->pair->high)->pc;
    pcs[0] = a < b ? a : b;
    pcs[1] = a < b ? b : a;
}

static int compare_found(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->sample->position != y->sample->position)
        return x->sample->position < y->sample->position ? -1 : 1;
    if (x->sample->address != y->sample->address)
        return x->sample->address < y->sample->address ? -1 : 1;
    /* Two instructions tell more than one with itself. (Not by `low` and `high`: these depend on the path that a file was
     * compiled by.) */
    if ((x->pair->low == x->pair->high) != (y->pair->low == y->pair->high))
        return x->pair->low != x->pair->high ? -1 : 1;
    uint64_t x_pcs[2], y_pcs[2];
    ordered_pcs(x, x_pcs);
    ordered_pcs(y, y_pcs);
    for (unsigned i = 0; i < 2; i++)
        if (x_pcs[i] != y_pcs[i])
            return x_pcs[i] < y_pcs[i] ? -1 : 1;
    return 0;
}

static void name_variable(const struct analysis *analysis, struct found *found)
{
    struct variable variable;
    uint64_t address = found->sample->address + race_first_byte(found->sample->mask);
    if (found->sample->block.address || !symbols_variable(analysis->symbols, address, &variable))
        return;
    found->variable = memory_text(variable.name);
    variable_free(&variable);
}

/* All samples that are worth a finding, in the order of the trace. */
static struct found *collect(struct analysis *analysis, struct race_worker *workers,
                             uint32_t worker_count, uint32_t *found_count)
{
    struct found *found = NULL;
    uint32_t count = 0, capacity = 0;
    struct truth *truth = truth_new(analysis, workers, worker_count);
    for (uint32_t w = 0; w < worker_count; w++) {
        analysis->coverage.ignored_races += workers[w].history.ignored_races;
        for (uint32_t p = 1; p < workers[w].history.pair_count; p++) {
            const struct race_pair *pair = &workers[w].history.pairs[p];
            const struct race_site *first = race_site_of(&workers[w].source->places, pair->low);
            const struct race_site *second = race_site_of(&workers[w].source->places, pair->high);
            if (evidence_is_copy(analysis, first) || evidence_is_copy(analysis, second)) {
                analysis->coverage.copy_races += pair->count;
                continue;
            }
            uint64_t a = source_line(analysis, first->pc), b = source_line(analysis, second->pc);
            for (uint32_t s = 0; s < pair->sample_count; s++) {
                if (!race_guess_holds(&workers[w].history, &pair->samples[s]))
                    continue;
                struct verdict verdict = truth_of(truth, w, p, s);
                if (verdict.outcome == TRUTH_ATOMIC) {
                    analysis->coverage.atomic_races += s == 0;
                    verdict_free(&verdict);
                    continue;
                }
                MEMORY_GROW(found, count, capacity);
                found[count++] = (struct found){.places = &workers[w].source->places,
                                                .pair = pair,
                                                .sample = &pair->samples[s],
                                                .low = a < b ? a : b,
                                                .high = a < b ? b : a,
                                                .rule = rule_of(first, second),
                                                .verdict = verdict,
                                                .count = s == 0 ? pair->count : 0};
            }
        }
    }
    truth_free(truth);
    if (count)
        qsort(found, count, sizeof(*found), compare_found);
    *found_count = count;
    return found;
}

static bool same_tasks_and_bytes(const struct race_sample *a, const struct race_sample *b)
{
    bool straight = a->before.task == b->before.task && a->after.task == b->after.task;
    bool crossed = a->before.task == b->after.task && a->after.task == b->before.task;
    return (straight || crossed) && a->address == b->address && a->mask & b->mask;
}

/* Where only the first access of a line was told, the same tasks' race at the same bytes may be told better elsewhere. */
static void fold_vague(struct found *found, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!race_is_vague(&found[i]))
            continue;
        for (uint32_t j = 0; j < count && !found[i].folded; j++) {
            if (found[j].folded || race_is_vague(&found[j]) ||
                found[i].verdict.group != found[j].verdict.group ||
                !same_tasks_and_bytes(found[i].sample, found[j].sample))
                continue;
            found[i].folded = true;
            found[j].count += found[i].count;
        }
    }
}

/* Folds what a reader would call the same race into the surest of them. */
static void fold(struct found *found, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (found[i].folded)
            continue;
        uint32_t best = i;
        uint64_t times = found[i].count;
        for (uint32_t j = i + 1; j < count; j++) {
            if (found[j].folded || !same_place(&found[i], &found[j]))
                continue;
            found[j].folded = true;
            times += found[j].count;
            if (found[j].verdict.outcome < found[best].verdict.outcome)
                best = j;
        }
        found[best].count = times ? times : 1; /* else its pair's count is told elsewhere */
        if (best != i) { /* in the place of the first, so that the order stays */
            struct found swap = found[i];
            found[i] = found[best];
            found[best] = swap;
            found[i].folded = false;
            found[best].folded = true;
        }
    }
}

void race_report(struct analysis *analysis, struct race_worker *workers, uint32_t count)
{
    uint32_t found_count;
    struct found *found = collect(analysis, workers, count, &found_count);
    for (uint32_t i = 0; i < found_count; i++)
        name_variable(analysis, &found[i]);
    fold_vague(found, found_count);
    fold(found, found_count);
    for (uint32_t i = 0; i < found_count; i++)
        if (!found[i].folded && !found[i].verdict.group)
            add_finding(analysis, &found[i]);
    add_groups(analysis, found, found_count);
    for (uint32_t i = 0; i < found_count; i++) {
        verdict_free(&found[i].verdict);
        free(found[i].variable);
    }
    free(found);
}
