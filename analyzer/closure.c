/*
 * The what-if closure (closure.h): a search backwards from one segment, along the edges of the
 * trace and along those that the words make, each task's share of them once. There may be cycles:
 * the search only ever raises how far back it knows a task to be before.
 */
#include "analyzer/closure.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"

#define NO_WORD UINT32_MAX

struct reader { /* a task's loads of one word */
    uint32_t word, log, task;
    bool exact;
    uint64_t query, read; /* done so far in this query */
};

struct reason { /* why a task is known to be before */
    uint32_t task, word;
};

struct closure {
    const struct order *order;
    const struct race_scan *scan;
    const struct closure_word *words;
    uint64_t steps, query;
    bool unknown;    /* the search has come to edges that were retired */
    bool known_only; /* accesses of which only is known that they may have been do not count */
    bool any_past;   /* there are such */
    bool trusts;     /* clocks that are exact: what they order is in the trace */
    uint32_t target; /* whose past is searched: its own future is no part of it */
    struct reader *readers; /* by task, then by word */
    uint32_t *first;        /* [task_count + 1] */
    uint64_t *clock, *seen; /* [task_count] */
    uint32_t *pending, pending_count;
    bool *queued;
    struct reason *reasons;
};

static uint32_t count_readers(struct closure *closure, uint32_t count, bool fill)
{
    uint32_t total = 0, tasks = closure->order->task_count;
    for (uint32_t w = 0; w < count; w++) {
        const struct closure_word *word = &closure->words[w];
        for (uint32_t l = word->watch->logs; l; l = word->watches->logs[l].next) {
            uint32_t task = word->watches->logs[l].task;
            closure->any_past |= word->watches->logs[l].past > 0;
            if (word->watches->logs[l].write || task >= tasks)
                continue;
            if (fill)
                closure->readers[closure->first[task]++] = (struct reader){
                    .word = w, .log = l, .task = task, .exact = word->watches->logs[l].exact};
            else
                closure->first[task + 1]++;
            total++;
        }
    }
    return total;
}

struct closure *closure_new(const struct order *order, const struct race_scan *scan,
                            const struct closure_word *words, uint32_t count, uint64_t steps)
{
    struct closure *closure = memory_get(1, sizeof(*closure));
    uint32_t n = order->task_count;
    *closure = (struct closure){.order = order, .scan = scan, .words = words, .steps = steps};
    closure->first = memory_get(n + 2u, sizeof(*closure->first));
    closure->readers = memory_get(count_readers(closure, count, false), sizeof(*closure->readers));
    for (uint32_t t = 0; t < n; t++)
        closure->first[t + 1] += closure->first[t];
    count_readers(closure, count, true); /* leaves first[t] where t + 1 begins */
    memmove(closure->first + 1, closure->first, n * sizeof(*closure->first));
    closure->first[0] = 0;
    closure->clock = memory_get(n, sizeof(*closure->clock));
    closure->seen = memory_get(n, sizeof(*closure->seen));
    closure->pending = memory_get(n, sizeof(*closure->pending));
    closure->queued = memory_get(n, sizeof(*closure->queued));
    closure->reasons = memory_get(n, sizeof(*closure->reasons));
    return closure;
}

void closure_free(struct closure *closure)
{
    if (!closure)
        return;
    free(closure->readers);
    free(closure->first);
    free(closure->clock);
    free(closure->seen);
    free(closure->pending);
    free(closure->queued);
    free(closure->reasons);
    free(closure);
}

bool closure_exhausted(const struct closure *closure)
{
    return closure->steps == 0;
}

void closure_trust_exact(struct closure *closure)
{
    closure->trusts = true;
}

bool closure_known_only(struct closure *closure, bool on)
{
    closure->known_only = on;
    return closure->any_past;
}

static void step(struct closure *closure)
{
    closure->steps -= closure->steps > 0;
}

static void raise_to(struct closure *closure, uint32_t task, uint64_t segment, uint32_t via,
                     uint32_t word)
{
    if (closure->clock[task] >= segment || (task == closure->target && closure->clock[task]))
        return;
    closure->clock[task] = segment;
    closure->reasons[task] = (struct reason){via, word};
    if (closure->queued[task])
        return;
    closure->queued[task] = true;
    closure->pending[closure->pending_count++] = task;
}

static void follow_edges(struct closure *closure, uint32_t task)
{
    const struct order *order = closure->order;
    uint64_t upto = order_version(order, task, closure->clock[task]);
    uint32_t retired = order->lists[task].retired;
    if (closure->seen[task] < retired) {
        if (closure->clock[task] < order->base[task]) {
            closure->unknown = true; /* which of the retired edges came before that is not known */
            return;
        }
        for (uint32_t t = 1; t < order->base_size && closure->steps; t++) {
            step(closure);
            if (t != task)
                raise_to(closure, t, order->base[t], task, NO_WORD);
        }
        closure->seen[task] = retired;
    }
    for (; closure->seen[task] < upto && closure->steps; closure->seen[task]++) {
        const struct order_edge *edge = order_edge_at(order, task, (uint32_t)closure->seen[task]);
        step(closure);
        if (edge->from != ORDER_DROPPED)
            raise_to(closure, edge->from, edge->from_segment, task, NO_WORD);
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The last segment of the log up to `limit`, 0 if there is none. */
static uint64_t last_upto(const struct closure *closure, const struct race_log *log, uint64_t limit)
{
    uint64_t past = closure->known_only ? 0 : least(log->past, limit);
    for (uint32_t i = log->count; i-- > 0;) {
        if (log->periods[i].first > limit)
            continue;
        uint64_t last = least(log->periods[i].last, limit);
        return last > past ? last : past;
    }
    return past;
}

/* The last store of the log up to segment `reached` that is not after segment `read` of the task in
 * `slot`. */
static uint64_t last_not_after(const struct closure *closure, const struct race_log *log,
                               uint64_t reached, uint32_t slot, uint64_t read)
{
    uint64_t past = closure->known_only ? 0 : least(log->past, reached);
    for (uint32_t i = log->count; i-- > 0;) {
        const struct race_period *period = &log->periods[i];
        if (period->first > reached || (slot < RACE_WATCH_TASKS && period->after[slot] >= read))
            continue;
        uint64_t last = least(period->last, reached);
        return last > past ? last : past;
    }
    return past;
}

static void follow_word(struct closure *closure, struct reader *reader)
{
    const struct closure_word *word = &closure->words[reader->word];
    uint64_t read =
        last_upto(closure, &word->watches->logs[reader->log], closure->clock[reader->task]);
    if (reader->query != closure->query) {
        reader->query = closure->query;
        reader->read = 0;
    }
    if (read <= reader->read)
        return;
    reader->read = read;
    uint32_t slot = 0;
    while (slot < RACE_WATCH_TASKS && word->watch->tasks[slot] != reader->task)
        slot++;
    uint64_t end = race_time_end(closure->scan, reader->task, read);
    for (uint32_t l = word->watch->logs; l && closure->steps; l = word->watches->logs[l].next) {
        const struct race_log *log = &word->watches->logs[l];
        step(closure);
        if (!log->write || log->task == reader->task || log->task >= closure->order->task_count ||
            (closure->trusts && log->exact && reader->exact))
            continue;
        uint64_t reached = race_time_reached(closure->scan, log->task, end);
        raise_to(closure, log->task, last_not_after(closure, log, reached, slot, read),
                 reader->task, reader->word);
    }
}

static void trace_path(const struct closure *closure, uint32_t from, uint32_t to, bool *path)
{
    for (uint32_t n = 0; from != to && n < closure->order->task_count; n++) {
        const struct reason *reason = &closure->reasons[from];
        if (reason->word != NO_WORD)
            path[reason->word] = true;
        from = reason->task;
    }
}

/* The first load of a task's, from `from` on, of word `word` or one behind it. */
static uint32_t reader_of(const struct closure *closure, uint32_t task, uint32_t from,
                          uint32_t word)
{
    uint32_t low = from, high = closure->first[task + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (closure->readers[middle].word < word)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void follow_words(struct closure *closure, uint32_t task, struct closure_choice choice)
{
    uint32_t end = closure->first[task + 1], i = closure->first[task];
    for (; i < end && closure->readers[i].word < choice.common; i++)
        follow_word(closure, &closure->readers[i]);
    for (i = reader_of(closure, task, i, choice.first);
         i < end && closure->readers[i].word < choice.end; i++)
        follow_word(closure, &closure->readers[i]);
}

/* Whether some load of a word may have been made between two moments. */
static bool loaded(const struct closure *closure, const struct reader *reader, uint64_t from,
                   uint64_t to)
{
    const struct race_log *log = &closure->words[reader->word].watches->logs[reader->log];
    if (log->past && race_time_end(closure->scan, reader->task, log->past) >= from)
        return true;
    for (uint32_t i = 0; i < log->count; i++)
        if (race_time_end(closure->scan, reader->task, log->periods[i].last) >= from &&
            race_time_begin(closure->scan, reader->task, log->periods[i].first) <= to)
            return true;
    return false;
}

bool closure_loaded(struct closure *closure, struct closure_choice choice,
                    const struct race_instance *instance)
{
    const struct race_scan *scan = closure->scan;
    uint64_t begin = race_time_begin(scan, instance->before_task, instance->before_segment),
             end = race_time_end(scan, instance->after_task, instance->after_segment),
             from = race_time_begin(scan, instance->after_task, instance->after_segment),
             to = race_time_end(scan, instance->before_task, instance->before_segment);
    from = least(begin, from);
    to = to > end ? to : end;
    uint32_t count = closure->first[closure->order->task_count];
    for (uint32_t i = 0; i < count && closure->steps; i++) {
        const struct reader *reader = &closure->readers[i];
        step(closure);
        if ((reader->word < choice.common ||
             (reader->word >= choice.first && reader->word < choice.end)) &&
            loaded(closure, reader, from, to))
            return true;
    }
    return !closure->steps;
}

enum closure_answer closure_before(struct closure *closure, struct closure_choice choice,
                                   uint32_t a, uint64_t a_segment, uint32_t b, uint64_t b_segment,
                                   bool *path)
{
    uint32_t n = closure->order->task_count;
    if (closure->steps == 0 || a >= n || b >= n)
        return CLOSURE_UNKNOWN;
    memset(closure->clock, 0, n * sizeof(*closure->clock));
    memset(closure->seen, 0, n * sizeof(*closure->seen));
    memset(closure->queued, 0, n * sizeof(*closure->queued));
    closure->pending_count = 0;
    closure->query++;
    closure->target = b;
    closure->unknown = false;
    raise_to(closure, b, b_segment, b, NO_WORD);
    while (closure->pending_count && closure->steps && !closure->unknown &&
           closure->clock[a] < a_segment) {
        uint32_t task = closure->pending[--closure->pending_count];
        closure->queued[task] = false;
        follow_edges(closure, task);
        follow_words(closure, task, choice);
    }
    if (closure->steps == 0 || closure->unknown)
        return CLOSURE_UNKNOWN;
    if (closure->clock[a] < a_segment)
        return CLOSURE_UNORDERED;
    if (path)
        trace_path(closure, a, b, path);
    return CLOSURE_ORDERED;
}
