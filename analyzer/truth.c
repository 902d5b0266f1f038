/*
 * Verdicts on machine races (truth.h). truth_words.c finds the words that could be flags, and
 * truth_explain.c what they could have ordered: what any of them together might have is not proved,
 * what one of them alone has is told with it.
 */
#include "analyzer/truth.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/carrier.h"
#include "analyzer/memory.h"
#include "analyzer/race_watch.h"
#include "analyzer/truth_inner.h"

struct truth *truth_new(struct analysis *analysis, struct race_worker *workers, uint32_t count)
{
    const uint32_t doubtful =
        TRACE_PROCESS_OWN_HEAP | TRACE_PROCESS_SHARES | TRACE_PROCESS_IO_URING;
    bool any = analysis->trace->process.flags & doubtful;
    for (uint32_t i = 0; i < count; i++)
        any |= workers[i].history.watches != NULL;
    if (!any)
        return NULL;
    struct truth *truth = memory_get(1, sizeof(*truth));
    truth->analysis = analysis;
    truth->finder.analysis = analysis;
    truth->workers = workers;
    truth->worker_count = count;
    truth_find_words(truth);
    truth->closure_words = memory_get(truth->word_count + 1, sizeof(*truth->closure_words));
    truth_rank(truth);
    truth->closure_words[truth->word_count] = truth->outside;
    truth->path = memory_get(truth->word_count + 1, sizeof(*truth->path));
    truth->doubt = carrier_in_doubt(analysis->trace, &truth->doubt_reason);
    truth_explain(truth);
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
    *verdict = (struct verdict){.outcome = TRUTH_PROVED};
}

static const struct truth_pair *tried_of(const struct truth *truth, uint32_t worker, uint32_t pair)
{
    uint32_t low = 0, high = truth->pair_count; /* sorted by worker and pair */
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct truth_pair *tried = &truth->pairs[middle];
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
    while (truth->groups[group].explained_by != TRUTH_NONE &&
           truth->groups[group].explained_by < group)
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
                     bool outside, bool unsettled, struct verdict *verdict)
{
    if (sample_explained)
        verdict->doubt =
            memory_text(known ? "a racy word that may be a flag would order this one"
                              : "a racy word may be a flag, and what was ordered by then is no "
                                "longer known: the trace was analyzed while it was written");
    else if (atomic)
        verdict->doubt = memory_text("other accesses to these bytes are atomic, and a plain one on "
                                     "x86-64 may be too");
    else if (outside)
        verdict->doubt =
            memory_text("between the two their tasks made calls by which one may have "
                        "learned of the other unseen: files, other processes, signals");
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

/* Memory that may have been given back and out again, where that is not seen: all but variables,
 * mappings and stacks. */
static bool is_unseen_heap(const struct truth *truth, const struct race_sample *sample)
{
    const struct trace *trace = truth->analysis->trace;
    if (!(trace->process.flags & TRACE_PROCESS_OWN_HEAP) || sample->block.address)
        return false;
    for (uint32_t i = 0; i < trace->module_count; i++)
        if (trace->modules[i].state && sample->address >= trace->modules[i].low &&
            sample->address < trace->modules[i].high)
            return false;
    return true;
}

/* An access that stands for several may be of a word that orders the others: it proves nothing. */
static bool of_several(const struct truth *truth, uint32_t worker, const struct race_pair *pair)
{
    return evidence_is_several(truth_site(truth, worker, pair->low)) ||
           evidence_is_several(truth_site(truth, worker, pair->high));
}

/* Could the access have been to this block, which was given out later in the same place? Not if it was made before, by an
 * order or by the clock. When a block is freed is known exactly. */
static bool may_be_to(const struct truth *truth, uint32_t worker, const struct race_sample *sample,
                      const struct race_entry *access, const struct race_block *later)
{
    uint32_t task = (uint32_t)access->task;
    if (truth_site(truth, worker, access->site)->kind & RACE_KIND_FREE)
        return sample->block.free_tsc > later->tsc;
    return !order_before(truth->analysis->order, task, access->segment, later->task, later->segment,
                         false) &&
           race_time_end(truth->workers[worker].history.scan, task, access->segment) > later->tsc;
}

/*
 * An access counts as one to the newest block that its beginning is before (race_block.c). If the pointer to a newer one came
 * by a flag, it is taken for one to the block that was there before, and then it races with that one's end; or its own end
 * is taken for that one's.
 */
static bool may_be_later_block(const struct truth *truth, uint32_t worker,
                               const struct race_sample *sample)
{
    struct race_history *history = &truth->workers[worker].history;
    uint64_t number = sample->address / 64;
    unsigned frees;
    if (!sample->block.address || race_lives_once(history->scan, number, sample->mask, &frees))
        return false;
    struct race_line *line = race_line_find(history, number);
    if (line->line && line->large_seen != history->large_count)
        race_line_catch_up(history, line);
    bool known = false;
    for (uint32_t next = line->blocks; next; next = history->links[next].next) {
        const struct race_link *link = &history->links[next];
        const struct race_block *block = &history->blocks[link->block];
        known |= block->address == sample->block.address && block->tsc == sample->block.tsc;
        if (link->mask & sample->mask && block->tsc > sample->block.tsc &&
            (may_be_to(truth, worker, sample, &sample->before, block) ||
             may_be_to(truth, worker, sample, &sample->after, block)))
            return true;
    }
    return !known && !sample->block.number; /* a line remembers its newest blocks only */
}

/* What keeps a race from being proved whatever its accesses are. */
static void doubt_late(const struct truth *truth, uint32_t worker, const struct race_pair *pair,
                       const struct race_sample *sample, struct verdict *verdict)
{
    const char *doubt = NULL;
    if (is_unseen_heap(truth, sample))
        doubt = "malloc is not the recorder's, so it is not seen when memory is given back and "
                "out again: these may be two blocks";
    else if (truth_is_machine(pair) && may_be_later_block(truth, worker, sample))
        doubt = "the memory was given out again, and an access may have been to the block that was "
                "there then, if its pointer came by a flag";
    else if (of_several(truth, worker, pair))
        doubt = "of a long segment only the first access of a line is told, and another word of "
                "the line may be a flag that orders these";
    else if (truth->analysis->trace->process.flags & TRACE_PROCESS_SHARES)
        doubt = "memory is shared with other processes, and what passes through these from task to "
                "task is not seen";
    else if (truth->analysis->trace->process.flags & TRACE_PROCESS_IO_URING)
        doubt = "io_uring was used, and what passes through it from task to task is not seen";
    if (verdict->outcome != TRUTH_PROVED || !doubt)
        return;
    verdict->outcome = TRUTH_SUSPECTED;
    verdict->doubt = memory_text(doubt);
}

struct verdict truth_of(struct truth *truth, uint32_t worker, uint32_t pair_index,
                        uint32_t sample_index)
{
    struct verdict verdict = {.outcome = TRUTH_PROVED};
    const struct truth_pair *tried = truth ? tried_of(truth, worker, pair_index) : NULL;
    if (!tried)
        return verdict;
    const struct race_pair *pair = &truth->workers[worker].history.pairs[pair_index];
    const struct race_sample *sample = &pair->samples[sample_index];
    bool ordered = tried->samples >> sample_index & 1;
    bool outside = tried->outside >> sample_index & 1;
    if (!truth_is_machine(pair)) { /* the compiler has told which accesses are atomic */
        if (ordered || outside) {
            verdict.outcome = TRUTH_SUSPECTED;
            doubt_of(truth, ordered, tried->known, false, outside, false, &verdict);
        }
        doubt_late(truth, worker, pair, sample, &verdict);
        return verdict;
    }
    const struct race_site *a = truth_site(truth, worker, pair->low);
    const struct race_site *b = truth_site(truth, worker, pair->high);
    struct evidence evidence;
    evidence_find(&truth->finder, a, b, sample, &evidence);
    verdict.evidence = evidence.text;
    bool unsettled = truth->full || closure_exhausted(truth->closure);
    bool atomic = (pair->low | pair->high) & RACE_SITE_ATOMIC ||
                  evidence.declared == OBJECT_ATOMIC || seen_atomic(truth, worker, sample) ||
                  (evidence_is_atomic(&truth->finder, a) && evidence_is_atomic(&truth->finder, b));
    const struct truth_group *own =
        tried->group != TRUTH_NONE ? &truth->groups[tried->group] : NULL;
    if (atomic && !verdict.evidence && evidence_could_be_atomic(truth->analysis, a) &&
        evidence_could_be_atomic(truth->analysis, b)) {
        verdict.outcome = TRUTH_ATOMIC;
    } else if (tried->explained_by != TRUTH_NONE) {
        uint32_t root = root_group(truth, tried->explained_by);
        verdict.group = root + 1;
        verdict.overwrites = truth->groups[root].overwrites;
        verdict.outcome = truth->groups[root].rank == RANK_ATOMIC ? TRUTH_ATOMIC : TRUTH_EXPLAINED;
    } else if (!atomic && own && (own->orders || own->may_order || !verdict.evidence)) {
        verdict.group = tried->group + 1;
        verdict.overwrites = own->overwrites;
        verdict.outcome = TRUTH_WORD;
        doubt_of(truth, ordered && !unsettled, tried->known, false, false, unsettled, &verdict);
    } else if (atomic || outside || unsettled || ordered || truth->doubt || !verdict.evidence) {
        verdict.outcome = TRUTH_SUSPECTED;
        doubt_of(truth, ordered && !unsettled, tried->known, atomic, outside, unsettled, &verdict);
    }
    doubt_late(truth, worker, pair, sample, &verdict);
    return verdict;
}
