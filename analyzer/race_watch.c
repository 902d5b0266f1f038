/*
 * Watches: from the first race of machine accesses on some bytes, who touched these bytes in which
 * segments. truth.c asks afterwards whether the bytes could be a flag that orders other accesses,
 * and for that it must know the write and the read that would make the edge.
 *
 * Invariant: a log never misses an access of its task and mode; where it does not know (accesses
 * before the watch began, or more than it can hold) its periods cover too much. So an order that the
 * logs make is as large as it can be, and what is a race in spite of it is one.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race_watch.h"
#include "trace/codec.h"

#define WATCHES_MAX (1u << 14)
#define PERIODS_MAX (UINT64_C(1) << 19) /* in all: beyond that each log gets by with LOG_LEAST */
#define LOG_MOST    256u
#define LOG_LEAST   4u
#define ENDED_TASKS (RACE_WATCH_TASKS + 1) /* with more, only the freer's loads of it are sought */

void race_watches_free(struct race_watches *watches)
{
    if (!watches)
        return;
    for (uint32_t i = 1; i < watches->log_count; i++)
        free(watches->logs[i].periods);
    free(watches->items);
    free(watches->buckets);
    free(watches->logs);
    free(watches->log_buckets);
    free(watches->links);
    free(watches);
}

static struct race_watches *watches_new(void)
{
    struct race_watches *watches = memory_get(1, sizeof(*watches));
    watches->bucket_count = WATCHES_MAX * 2;
    watches->buckets = memory_get(watches->bucket_count, sizeof(uint32_t));
    MEMORY_GROW(watches->items, watches->count, watches->capacity);
    MEMORY_GROW(watches->logs, watches->log_count, watches->log_capacity);
    MEMORY_GROW(watches->links, watches->link_count, watches->link_capacity);
    watches->count = watches->log_count = watches->link_count = 1; /* 0 is none */
    return watches;
}

uint32_t *race_watch_bucket(const struct race_watches *watches, uint64_t line)
{
    return &watches->buckets[(line * 0x9e3779b97f4a7c15u >> 32) & (watches->bucket_count - 1)];
}

uint32_t race_watch_find(const struct race_history *history, uint64_t line, uint64_t mask,
                         uint32_t block, uint64_t tsc)
{
    const struct race_watches *watches = history->watches;
    if (!watches)
        return 0;
    for (uint32_t i = *race_watch_bucket(watches, line); i; i = watches->items[i].next) {
        const struct race_watch *watch = &watches->items[i];
        if (watch->line == line && watch->mask & mask && watch->block == block && watch->tsc == tsc)
            return i;
    }
    return 0;
}

/* ---- logs ---- */

/* Joins neighbours until half are left: what lies between them counts as accessed. */
static void log_thin(struct race_watches *watches, struct race_log *log)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < log->count; i += 2) {
        struct race_period period = log->periods[i];
        if (i + 1 < log->count)
            period.last = log->periods[i + 1].last;
        log->periods[kept++] = period;
    }
    watches->periods -= log->count - kept;
    log->count = kept;
    if (log->capacity >= 4 * kept) { /* else all logs keep in turn what the longest of them had */
        log->capacity = 2 * kept;
        log->periods = memory_resize(log->periods, log->capacity, sizeof(*log->periods));
    }
}

/* Whether nothing is lost when the new period goes on where the last one ends. */
static bool same_period(const struct race_log *log, const struct race_period *last,
                        const struct race_period *period)
{
    if (period->last <= last->last)
        return true;
    return period->first <= last->last + 1 &&
           (!log->write || memcmp(last->after, period->after, sizeof(period->after)) == 0);
}

void race_log_add(struct race_watches *watches, struct race_log *log,
                  const struct race_period *period)
{
    struct race_period *last = log->count ? &log->periods[log->count - 1] : NULL;
    if (last && same_period(log, last, period)) {
        last->last = period->last > last->last ? period->last : last->last;
        return;
    }
    if (log->count > 1 && log->count >= (watches->periods < PERIODS_MAX ? LOG_MOST : LOG_LEAST))
        log_thin(watches, log);
    MEMORY_GROW(log->periods, log->count, log->capacity);
    log->periods[log->count++] = *period;
    watches->periods++;
}

/* Where the list of the logs of a task in a watch (and of others) begins. A watch has a log for each
 * task that came by, and of these there may be hundred thousands. */
static uint32_t *log_bucket(const struct race_watches *watches, uint32_t index, uint32_t task)
{
    uint64_t key = (uint64_t)index << 32 | task;
    return &watches->log_buckets[key * 0x9e3779b97f4a7c15u >> 32 & (watches->log_bucket_count - 1)];
}

uint32_t race_log_find(const struct race_watches *watches, uint32_t index, uint32_t task,
                       bool write, bool exact)
{
    if (!watches->log_bucket_count)
        return 0;
    uint32_t at = *log_bucket(watches, index, task);
    while (at) {
        const struct race_log *log = &watches->logs[at];
        if (log->watch == index && log->task == task && log->write == write && log->exact == exact)
            break;
        at = log->chain;
    }
    return at;
}

static void log_chain(struct race_watches *watches, uint32_t at)
{
    struct race_log *log = &watches->logs[at];
    uint32_t *bucket = log_bucket(watches, log->watch, log->task);
    log->chain = *bucket;
    *bucket = at;
}

static uint32_t log_new(struct race_watches *watches, const struct race_log *log)
{
    if (watches->log_count >= watches->log_bucket_count) {
        free(watches->log_buckets);
        watches->log_bucket_count = watches->log_bucket_count ? 2 * watches->log_bucket_count : 64;
        watches->log_buckets = memory_get(watches->log_bucket_count, sizeof(uint32_t));
        for (uint32_t i = 1; i < watches->log_count; i++)
            log_chain(watches, i);
    }
    MEMORY_GROW(watches->logs, watches->log_count, watches->log_capacity);
    watches->logs[watches->log_count] = *log;
    log_chain(watches, watches->log_count);
    return watches->log_count++;
}

static struct race_log *watch_log(struct race_watches *watches, uint32_t index, uint32_t task,
                                  bool write, bool exact)
{
    uint32_t at = race_log_find(watches, index, task, write, exact);
    if (at)
        return &watches->logs[at];
    struct race_watch *watch = &watches->items[index];
    struct race_log log = {
        .watch = index, .task = task, .write = write, .exact = exact, .next = watch->logs};
    uint32_t other = race_log_find(watches, index, task, write, !exact);
    if (other)
        log.past = watches->logs[other].past;
    watch->logs = log_new(watches, &log);
    for (uint32_t i = 0; i < RACE_WATCH_TASKS && watch->tasks[i] != task; i++) {
        if (watch->tasks[i])
            continue;
        watch->tasks[i] = task;
        break;
    }
    return &watches->logs[watch->logs];
}

/* Maybe there were accesses of this mode in any segment up to this one, by whatever instruction. */
static void past_until(struct race_watches *watches, uint32_t index, uint32_t task, bool write,
                       uint64_t segment)
{
    struct race_log *log = watch_log(watches, index, task, write, false);
    log->past = segment > log->past ? segment : log->past;
    uint32_t exact = race_log_find(watches, index, task, write, true);
    if (exact && watches->logs[exact].past < segment)
        watches->logs[exact].past = segment;
}

/* The present access; with `past`, and all that its task may have done before. */
static void watch_now(struct race_watches *watches, uint32_t index, const struct race_now *now,
                      bool past)
{
    bool write = now->site & RACE_SITE_WRITE;
    if (past)
        past_until(watches, index, now->task, write, now->segment - 1);
    struct race_log *log = watch_log(watches, index, now->task, write,
                                     race_log_exact(watches->items[index].line, now->site));
    const struct race_watch *watch = &watches->items[index];
    struct race_period period = {.first = now->segment, .last = now->segment};
    for (uint32_t i = 0; write && i < RACE_WATCH_TASKS; i++)
        if (watch->tasks[i] && watch->tasks[i] != now->task)
            period.after[i] = clock_get(now->clocks, now->clock, watch->tasks[i]);
    race_log_add(watches, log, &period);
}

/* ---- what the history tells ---- */

bool race_watch_access(struct race_history *history, const struct race_now *now, uint64_t line,
                       uint64_t mask, uint32_t block)
{
    struct race_watches *watches = history->watches;
    uint64_t tsc = history->blocks[block].tsc;
    for (uint32_t i = *race_watch_bucket(watches, line); i; i = watches->items[i].next) {
        struct race_watch *watch = &watches->items[i];
        if (watch->line != line || !(watch->mask & mask) || watch->block != block ||
            watch->tsc != tsc)
            continue;
        watch->atomic |= now->site & RACE_SITE_ATOMIC ? mask : 0;
        watch_now(watches, i, now, false);
    }
    return line != TRACE_OUTSIDE / 64;
}

static uint32_t watch_make(struct race_history *history, uint64_t number, uint32_t block)
{
    struct race_watches *watches = history->watches;
    if (watches->count > WATCHES_MAX) {
        watches->full = true;
        return 0;
    }
    uint32_t *bucket = race_watch_bucket(watches, number), made = watches->count;
    MEMORY_GROW(watches->items, watches->count, watches->capacity);
    watches->items[watches->count++] = (struct race_watch){
        .line = number, .block = block, .tsc = history->blocks[block].tsc, .next = *bucket};
    *bucket = made;
    return made;
}

void race_watch_outside(struct race_history *history, struct race_line *line)
{
    if (!history->watches)
        history->watches = watches_new();
    uint32_t index = watch_make(history, TRACE_OUTSIDE / 64, 0);
    if (!index)
        return;
    history->watches->items[index].mask = 1;
    line->watched = true;
}

/* What is known of the bytes from before they were watched. */
static void log_past(const struct race_history *history, struct race_line *line, uint32_t index,
                     uint64_t mask)
{
    struct race_watch *watch = &history->watches->items[index];
    const struct race_entry *entries = race_line_entries(history, line);
    for (uint32_t i = 0; i < line->count; i++) {
        const struct race_entry *entry = &entries[i];
        if (!(entry->mask & mask) || entry->block != watch->block)
            continue;
        watch->atomic |= entry->site & RACE_SITE_ATOMIC ? entry->mask : 0;
        uint32_t task = (uint32_t)entry->task;
        bool write = entry->site & RACE_SITE_WRITE;
        struct race_log *log = watch_log(history->watches, index, task, write,
                                         race_log_exact(watch->line, entry->site));
        struct race_period last = {.first = entry->segment, .last = entry->segment};
        last.after[0] = RACE_PERIOD_ASK;
        bool first = log->count == 0;
        if (first)
            race_log_add(history->watches, log, &last);
        past_until(history->watches, index, task, write, entry->segment - first);
    }
}

/*
 * The block has ended. Loads of it that the allocation was not known to be before were not taken for
 * loads of this block: those of who was handed it by nothing but a flag, as a queue's node by the
 * link in the one before. So any task may have loaded these bytes, and who freed them above all.
 */
static void log_ended(struct race_history *history, uint32_t index, const struct race_block *block)
{
    struct race_watch *watch = &history->watches->items[index];
    if (!block->free_task || watch->ended)
        return;
    watch->ended = true;
    past_until(history->watches, index, block->free_task, false, block->free_segment);
    for (uint32_t task = 1; task < history->task_count; task++)
        if (task != block->free_task && history->task_count <= ENDED_TASKS && !history->scan->grows)
            past_until(history->watches, index, task, false, RACE_SEGMENT_MAX);
}

static void watch_link(struct race_watches *watches, uint32_t index, uint32_t pair)
{
    struct race_watch *watch = &watches->items[index];
    for (uint32_t i = watch->pairs; i; i = watches->links[i].next)
        if (watches->links[i].pair == pair)
            return;
    MEMORY_GROW(watches->links, watches->link_count, watches->link_capacity);
    watches->links[watches->link_count] = (struct race_watch_link){pair, watch->pairs};
    watch->pairs = watches->link_count++;
}

/* Of those equally close the first ones stay, but in a trace that grows the newest: of these is
 * known what the watched words did meanwhile. */
static void instance_add(struct race_pair *pair, const struct race_now *now,
                         const struct race_entry *before, uint64_t apart, bool grows)
{
    struct race_instance instance = {.apart = apart,
                                     .before_segment = before->segment,
                                     .after_segment = now->segment,
                                     .before_task = (uint32_t)before->task,
                                     .after_task = now->task,
                                     .before_site = before->site,
                                     .after_site = now->site};
    if (!pair->instances)
        pair->instances = memory_get(RACE_INSTANCES, sizeof(*pair->instances));
    uint32_t farthest = 0;
    for (uint32_t i = 0; i < pair->instance_count; i++) {
        if (memcmp(&pair->instances[i], &instance, sizeof(instance)) == 0)
            return;
        if (pair->instances[i].apart > pair->instances[farthest].apart)
            farthest = i;
    }
    if (pair->instance_count < RACE_INSTANCES)
        pair->instances[pair->instance_count++] = instance;
    else if (apart < pair->instances[farthest].apart)
        pair->instances[farthest] = instance;
    else if (grows && apart == pair->instances[pair->count % RACE_INSTANCES].apart)
        pair->instances[pair->count % RACE_INSTANCES] = instance;
}

void race_watch_found(struct race_history *history, const struct race_now *now, uint64_t line,
                      uint64_t mask, const struct race_entry *before, uint32_t block,
                      uint32_t pair_index, uint64_t apart)
{
    if (!history->watches)
        history->watches = watches_new();
    struct race_watches *watches = history->watches;
    instance_add(&history->pairs[pair_index], now, before, apart, history->scan->grows);
    uint64_t tsc = history->blocks[block].tsc;
    uint32_t index = race_watch_find(history, line, mask, block, tsc);
    if (!index)
        index = watch_make(history, line, block);
    if (!index)
        return;
    struct race_watch *watch = &watches->items[index];
    struct race_line *where = race_line_get(history, line, false);
    bool grows = mask & ~watch->mask;
    if (where) {
        if (grows)
            log_past(history, where, index, mask & ~watch->mask);
        where->watched = true;
    }
    watch->mask |= mask;
    watch->atomic |= (before->site | now->site) & RACE_SITE_ATOMIC ? mask : 0;
    watch_link(watches, index, pair_index);
    watch_now(watches, index, now, grows);
    log_ended(history, index, &history->blocks[block]);
}
