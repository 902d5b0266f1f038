/*
 * The past of watched words, read anew. A watch begins at the first race on its bytes; what tasks
 * did with them before is not known then, and a log says "maybe in any segment up to here", which
 * lets a flag order far too much: the streams are checked one far ahead of the other. While the
 * trace is whole, a second reading of the streams, for the watched lines alone, tells.
 *
 * Invariant: a log that is refined still misses nothing: its past is replaced only if all of the
 * task's accesses to the bytes, of whatever block, were met in order.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race_watch.h"

#define LINE_BITS 16u

struct refine {
    struct race_worker *worker;
    struct race_watches *watches;
    struct race_log *found; /* by number of the log; its `past`: it came out of order */
    uint64_t lines[(1u << LINE_BITS) / 64];
};

static uint32_t hash_of(uint64_t line)
{
    return (uint32_t)(line * 0x9e3779b97f4a7c15u >> (64 - LINE_BITS));
}

static void note(struct refine *refine, uint32_t number, uint64_t segment)
{
    const struct race_log *log = &refine->watches->logs[number];
    struct race_log *found = &refine->found[number];
    if (segment > log->past || found->past)
        return;
    if (found->count && segment < found->periods[found->count - 1].first) {
        found->past = 1;
        return;
    }
    struct race_period period = {.first = segment, .last = segment};
    race_log_add(refine->watches, found, &period);
}

static void take_line(struct refine *refine, const struct trace_access *record, uint64_t line,
                      uint64_t mask)
{
    uint32_t hash = hash_of(line);
    if (!(refine->lines[hash / 64] >> (hash % 64) & 1))
        return;
    const struct race_watches *watches = refine->watches;
    bool write = record->kind & TRACE_KIND_WRITE;
    bool exact = record->kind & TRACE_KIND_ATOMIC && line != TRACE_OUTSIDE / 64 &&
                 race_machine(refine->worker->scan, record->pc);
    for (uint32_t i = *race_watch_bucket(watches, line); i; i = watches->items[i].next) {
        if (watches->items[i].line != line || !(watches->items[i].mask & mask))
            continue;
        uint32_t l = race_log_find(watches, i, record->task, write, exact);
        if (!l && exact) /* it was met by no watch: the other one's past is also of such */
            l = race_log_find(watches, i, record->task, write, false);
        if (l)
            note(refine, l, record->segment);
    }
}

static void take(struct refine *refine, const struct trace_access *record)
{
    uint64_t line = record->address / 64;
    if (record->type == TRACE_ACCESS_LINE) {
        for (uint64_t i = 0; i <= record->run; i++)
            take_line(refine, record, record->stride < 0 ? line - i : line + i, record->mask);
    } else if (record->type == TRACE_ACCESS_RANGE) {
        uint64_t end = record->address + record->size;
        for (uint64_t at = record->address; at < end; at = (at / 64 + 1) * 64) {
            uint64_t mask = ~UINT64_C(0) << (at % 64);
            if (end - at / 64 * 64 < 64)
                mask &= ~UINT64_C(0) >> (64 - (end - at / 64 * 64));
            take_line(refine, record, at / 64, mask);
        }
    }
}

static void read_stream(struct refine *refine, uint32_t stream)
{
    const struct race_scan *scan = refine->worker->scan;
    struct access_cursor *cursor = memory_get(1, sizeof(*cursor));
    struct trace_access *record = memory_get(1, sizeof(*record));
    access_open(cursor, scan->trace, stream);
    for (uint64_t left = scan->streams[stream].all_records; left && access_next(cursor, record);
         left--)
        take(refine, record);
    free(cursor);
    free(record);
}

/* What was found takes the place of the unknown past. Of a store it is asked what it is after, as
 * far as that is not too much to ask. */
#define ASKED 4u

static void settle(struct refine *refine, uint32_t number)
{
    struct race_watches *watches = refine->watches;
    struct race_log *log = &watches->logs[number], *found = &refine->found[number];
    if (!log->past || found->past)
        return;
    for (uint32_t i = 0; log->write && i < found->count; i++)
        if (i + ASKED >= found->count)
            found->periods[i].after[0] = RACE_PERIOD_ASK;
    uint32_t capacity = found->count + log->count;
    found->periods = memory_resize(found->periods, capacity, sizeof(*found->periods));
    for (uint32_t i = 0; i < log->count; i++) {
        struct race_period period = log->periods[i];
        if (period.last <= log->past)
            continue; /* found too */
        if (period.first <= log->past)
            period.first = log->past + 1;
        found->periods[found->count++] = period;
    }
    free(log->periods);
    log->periods = found->periods;
    log->count = found->count;
    log->capacity = capacity;
    log->past = 0;
    found->periods = NULL;
}

void race_refine(struct race_worker *worker)
{
    struct race_watches *watches = worker->history.watches;
    if (!watches || worker->scan->grows)
        return;
    struct refine *refine = memory_get(1, sizeof(*refine));
    bool any = false;
    refine->worker = worker;
    refine->watches = watches;
    refine->found = memory_get(watches->log_count, sizeof(*refine->found));
    for (uint32_t i = 1; i < watches->count; i++) {
        uint32_t hash = hash_of(watches->items[i].line);
        for (uint32_t l = watches->items[i].logs; l; l = watches->logs[l].next) {
            refine->found[l].write = watches->logs[l].write;
            if (!watches->logs[l].past)
                continue;
            refine->lines[hash / 64] |= UINT64_C(1) << (hash % 64);
            any = true;
        }
    }
    for (uint32_t i = 0; any && i < worker->scan->trace->stream_count; i++)
        if (worker->scan->trace->access[i].size)
            read_stream(refine, i);
    for (uint32_t l = 1; l < watches->log_count; l++) {
        settle(refine, l);
        free(refine->found[l].periods);
    }
    free(refine->found);
    free(refine);
}
