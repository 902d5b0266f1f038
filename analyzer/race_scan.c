/*
 * The scan before the check: reads every access stream once, on as many threads as there are, and
 * notes the visits of tasks and which lines are worth a history. A line is if two tasks touched it
 * and one of these wrote; lines are known by a hash, and two lines that share one only make the
 * check look at more than it must. Invariant: a line with a race on it is always marked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race_owner.h"

#define OWNERS_MIN     14u
#define OWNERS_GROWING 22u
#define OWNERS_MAX     22u /* 16 MB while scanning, 512 KB later: these stay in the cache */

#define LIVES_SMALL    (UINT64_C(1) << 16) /* bytes: larger blocks are only noted, by pages */

#define LARGE_PAGES    (UINT64_C(1) << 20)
#define PAGE_GRANULES  256u

static uint64_t large_index(uint64_t page)
{
    return page * 0x9e3779b97f4a7c15u >> 44;
}
static_assert(LARGE_PAGES == UINT64_C(1) << 20, "large_index");

void race_scan_open(struct race_scan *scan, const struct trace *trace, uint32_t task_count,
                    bool grows)
{
    uint64_t bytes = 0;
    *scan = (struct race_scan){.trace = trace, .grows = grows};
    for (uint32_t i = 0; i < trace->stream_count; i++)
        bytes += trace->access[i].size;
    scan->bits = grows ? OWNERS_GROWING : OWNERS_MIN;
    while (!grows && scan->bits < OWNERS_MAX && UINT64_C(1) << scan->bits < bytes)
        scan->bits++;
    if (!grows) {
        scan->owners = memory_get(1, sizeof(*scan->owners));
        race_owners_open(scan->owners, scan->bits, task_count);
    }
    scan->lives = memory_pages(UINT64_C(1) << scan->bits, sizeof(*scan->lives));
    scan->large = memory_pages(LARGE_PAGES, sizeof(*scan->large));
    race_scan_again(scan, task_count);
}

static void *grow(void *array, uint32_t old_count, uint32_t count, size_t size)
{
    char *larger = memory_resize(array, count, size);
    memset(larger + old_count * size, 0, (count - old_count) * size);
    return larger;
}

void race_scan_again(struct race_scan *scan, uint32_t task_count)
{
    const struct trace *trace = scan->trace;
    uint32_t stream_count = trace->stream_count;
    for (uint32_t i = 0; i < trace->module_count; i++)
        scan->patched |= trace->modules[i].state && trace->modules[i].flags & TRACE_MODULE_PATCHED;
    scan->tasks = grow(scan->tasks, scan->task_count, task_count, sizeof(*scan->tasks));
    scan->task_count = task_count;
    scan->streams = grow(scan->streams, scan->stream_count, stream_count, sizeof(*scan->streams));
    scan->stream_count = stream_count;
    atomic_store(&scan->next, 0);
}

uint32_t race_machine(const struct race_scan *scan, uint64_t pc)
{
    if (!scan->patched)
        return 0;
    const struct trace_module *module = trace_module_at(scan->trace, pc - 1, 0);
    return module && module->flags & TRACE_MODULE_ABI ? 0 : RACE_KIND_MACHINE;
}

/* Notes on their way: the words they go to are being fetched meanwhile. One for each thread that
 * scans. */
#define QUEUE 32u
struct queue {
    struct {
        uint64_t line;
        uint32_t task;
        bool wrote;
    } notes[QUEUE];
    uint32_t next;
    uint64_t line; /* the last one */
    uint32_t task;
    bool wrote;
};

static void note_queued(const struct race_scan *scan, const struct queue *queue, uint32_t slot)
{
    if (queue->notes[slot].task)
        race_owner_note(scan->owners, queue->notes[slot].line, queue->notes[slot].task,
                        queue->notes[slot].wrote);
}

static void note_soon(struct race_scan *scan, struct queue *queue, uint64_t line, uint32_t task,
                      bool wrote)
{
    if (line == queue->line && task == queue->task && wrote <= queue->wrote)
        return;
    queue->line = line;
    queue->task = task;
    queue->wrote = wrote;
    uint32_t slot = queue->next++ % QUEUE;
    note_queued(scan, queue, slot);
    __builtin_prefetch(race_owner_home(scan->owners, line, 0), 1);
    __builtin_prefetch(race_owner_home(scan->owners, line, 1), 1);
    queue->notes[slot].line = line;
    queue->notes[slot].task = task;
    queue->notes[slot].wrote = wrote;
}

static void note_rest(const struct race_scan *scan, const struct queue *queue)
{
    for (uint32_t i = 0; i < QUEUE; i++)
        note_queued(scan, queue, i);
}

/* More lines than there are words are all of them: bounds the work that one damaged record can
 * make. */
static void note_lines(struct race_scan *scan, uint64_t first, uint64_t count, uint32_t task,
                       bool wrote)
{
    if (!scan->owners)
        return;
    if (count >= UINT64_C(1) << scan->bits) {
        race_owner_note_all(scan->owners, wrote);
        return;
    }
    race_owner_note_row(scan->owners, first, count, task, wrote);
}

/* ---- how often memory was given out ---- */

/* Adds one to each of four 2-bit counters that `which` has a bit 0 for; they stop at 2. */
static uint32_t count_up(uint32_t counters, uint32_t which)
{
    uint32_t low = counters & 0x55, high = counters >> 1 & 0x55;
    uint32_t up = ((low | high) << 1) | (~(low | high) & 0x55);
    uint32_t chosen = which | which << 1;
    return (up & chosen) | (counters & ~chosen);
}

static void count_life(struct race_scan *scan, uint64_t line, uint32_t granules, bool is_free)
{
    _Atomic uint16_t *word = &scan->lives[race_index(line, scan->bits, RACE_SCAN_GROUP)];
    uint16_t old = atomic_load_explicit(word, memory_order_relaxed), now;
    do {
        uint32_t allocs = old & 0xff, frees = old >> 8;
        if (is_free)
            frees = count_up(frees, granules);
        else
            allocs = count_up(allocs, granules);
        now = (uint16_t)(frees << 8 | allocs);
    } while (!atomic_compare_exchange_weak_explicit(word, &old, now, memory_order_relaxed,
                                                    memory_order_relaxed));
}

static void count_block(struct race_scan *scan, const struct trace_access *record)
{
    if (record->size == 0)
        return;
    uint64_t first = record->address / 16, last = (record->address + record->size - 1) / 16;
    if (record->size <= LIVES_SMALL) {
        for (uint64_t line = first / 4; line <= last / 4; line++) {
            uint32_t granules = 0;
            for (uint32_t g = 0; g < 4; g++)
                if (line * 4 + g >= first && line * 4 + g <= last)
                    granules |= 1u << 2 * g;
            count_life(scan, line, granules, record->type == TRACE_ACCESS_FREE);
        }
        return;
    }
    uint64_t page = first / PAGE_GRANULES, count = last / PAGE_GRANULES - page + 1;
    bool all = count >= LARGE_PAGES;
    for (uint64_t i = 0; i < (all ? LARGE_PAGES : count); i++)
        atomic_store_explicit(&scan->large[all ? i : large_index(page + i)], 1,
                              memory_order_relaxed);
}

bool race_lives_once(const struct race_scan *scan, uint64_t line, uint64_t mask, unsigned *frees)
{
    uint64_t index = race_index(line, scan->bits, RACE_SCAN_GROUP);
    uint16_t counters = atomic_load_explicit(&scan->lives[index], memory_order_relaxed);
    *frees = 0;
    if (atomic_load_explicit(&scan->large[large_index(line * 4 / PAGE_GRANULES)],
                             memory_order_relaxed))
        return false;
    for (unsigned g = 0; g < 4; g++) {
        if (!(mask >> 16 * g & 0xffff))
            continue;
        unsigned freed = counters >> (8 + 2 * g) & 3;
        if ((counters >> 2 * g & 3) != 1)
            return false;
        *frees = freed > *frees ? freed : *frees;
    }
    return true;
}

/* ---- reading ---- */

/* A new visit, or the same task in a later segment. */
static void note_task(struct race_scan_stream *stream, uint32_t index, uint32_t task,
                      uint64_t segment, bool arrives)
{
    struct race_visit *last = stream->visit_count ? stream->visits[stream->visit_count - 1] : NULL;
    if (last && !arrives) {
        if (segment > last->last_segment)
            last->last_segment = segment;
        return;
    }
    MEMORY_GROW(stream->visits, stream->visit_count, stream->visit_capacity);
    struct race_visit *visit = memory_get(1, sizeof(*visit));
    *visit = (struct race_visit){
        .first_segment = segment, .last_segment = segment, .task = task, .stream = index};
    stream->visits[stream->visit_count++] = visit;
}

#define LINES 64u
struct race_scan_cursor {
    struct access_cursor cursor;
    struct trace_line lines[LINES];
    struct trace_access record;
};

static void take_record(struct race_scan *scan, uint32_t index, const struct trace_access *record,
                        uint64_t offset, struct queue *queue)
{
    struct race_scan_stream *stream = &scan->streams[index];
    uint32_t task = record->task;
    if (task == 0 || task >= scan->task_count) {
        if (!stream->error) { /* reading goes on: a later task may be known */
            stream->error = "access of a task that is not in the table";
            stream->error_offset = offset;
        }
        task = 0;
    }
    uint64_t first = record->address / 64;
    switch ((enum trace_access_type)record->type) {
    case TRACE_ACCESS_SWITCH:
        note_task(stream, index, task, record->segment, true);
        break;
    case TRACE_ACCESS_SEGMENT:
        note_task(stream, index, task, record->segment, stream->visit_count == 0);
        break;
    case TRACE_ACCESS_LINE:
        stream->records++;
        stream->lines += record->run + 1;
        if (record->run == 0 && task && scan->owners) {
            note_soon(scan, queue, first, task, record->kind & TRACE_KIND_WRITE);
            break;
        }
        if (record->stride < 0)
            first -= record->run;
        if (task)
            note_lines(scan, first, record->run + 1, task, record->kind & TRACE_KIND_WRITE);
        break;
    case TRACE_ACCESS_RANGE:
    case TRACE_ACCESS_FREE:
        if (record->type == TRACE_ACCESS_RANGE) {
            stream->records++;
            stream->lines += (record->size + 63) / 64;
        } else {
            count_block(scan, record);
        }
        if (task && record->size)
            note_lines(scan, first, (record->address + record->size - 1) / 64 - first + 1, task,
                       record->type == TRACE_ACCESS_FREE || record->kind & TRACE_KIND_WRITE);
        break;
    case TRACE_ACCESS_LOST:
        stream->lost += record->size;
        break;
    case TRACE_ACCESS_ALLOC:
        count_block(scan, record);
        break;
    case TRACE_ACCESS_TIME:
        if (stream->visit_count)
            race_time_note(stream->visits[stream->visit_count - 1], record->segment, record->tsc);
        break;
    case TRACE_ACCESS_CONTEXT:
        break;
    }
}

/* Lines of the stream's present task; false if there are none to be had at once. */
static bool take_lines(struct race_scan *scan, struct race_scan_stream *stream, struct queue *queue,
                       uint64_t limit)
{
    struct race_scan_cursor *at = stream->cursor;
    uint32_t task = at->cursor.codec.task, count;
    uint64_t room = limit - stream->all_records;
    if (task == 0 || task >= scan->task_count)
        return false;
    count = access_lines(&at->cursor, at->lines, room < LINES ? (uint32_t)room : LINES);
    stream->all_records += count;
    stream->records += count;
    stream->lines += count;
    for (uint32_t i = 0; scan->owners && i < count; i++)
        note_soon(scan, queue, at->lines[i].line, task, at->lines[i].kind & TRACE_KIND_WRITE);
    return count != 0;
}

static void scan_stream(struct race_scan *scan, uint32_t index)
{
    struct race_scan_stream *stream = &scan->streams[index];
    struct queue queue = {.next = 0};
    if (!stream->cursor) {
        stream->cursor = memory_get(1, sizeof(*stream->cursor));
        access_open(&stream->cursor->cursor, scan->trace, index);
    } else {
        access_resume(&stream->cursor->cursor);
    }
    struct access_cursor *cursor = &stream->cursor->cursor;
    struct trace_access *record = &stream->cursor->record;
    uint64_t limit = scan->step ? stream->all_records + scan->step : UINT64_MAX;
    stream->whole = false;
    while (stream->all_records < limit) {
        if (take_lines(scan, stream, &queue, limit))
            continue;
        if (!access_next(cursor, record)) {
            stream->whole = true;
            break;
        }
        stream->all_records++;
        take_record(scan, index, record, cursor->place.offset, &queue);
    }
    note_rest(scan, &queue);
    stream->bytes = cursor->place.bytes;
    if (cursor->error) {
        stream->error = cursor->error;
        stream->error_offset = cursor->error_offset;
    }
    if (scan->grows)
        return;
    free(stream->cursor);
    stream->cursor = NULL;
}

void race_scan_run(struct race_scan *scan)
{
    for (;;) {
        uint32_t index = atomic_fetch_add(&scan->next, 1);
        if (index >= scan->stream_count)
            return;
        if (scan->trace->access[index].size)
            scan_stream(scan, index);
        else
            scan->streams[index].whole = true;
    }
}

static int compare_visits(const void *a, const void *b)
{
    const struct race_visit *x = *(struct race_visit *const *)a;
    const struct race_visit *y = *(struct race_visit *const *)b;
    if (x->first_segment != y->first_segment)
        return x->first_segment < y->first_segment ? -1 : 1;
    if (x->last_segment != y->last_segment)
        return x->last_segment < y->last_segment ? -1 : 1;
    return x->stream < y->stream ? -1 : x->stream > y->stream;
}

/* Which stays of a task follow which: by segments, whatever streams they are on. */
static void order_visits(struct race_scan *scan)
{
    bool any = false;
    for (uint32_t s = 0; s < scan->stream_count; s++) {
        struct race_scan_stream *stream = &scan->streams[s];
        for (; stream->visits_settled < stream->visit_count; stream->visits_settled++) {
            struct race_visit *visit = stream->visits[stream->visits_settled];
            struct race_scan_task *task = &scan->tasks[visit->task];
            MEMORY_GROW(task->visits, task->count, task->capacity);
            visit->ordinal = task->count;
            if (task->count && compare_visits(&task->visits[task->count - 1], &visit) > 0)
                task->unsorted = any = true;
            task->visits[task->count++] = visit;
        }
    }
    for (uint32_t t = 0; any && t < scan->task_count; t++) {
        struct race_scan_task *task = &scan->tasks[t];
        if (!task->unsorted)
            continue;
        qsort(task->visits, task->count, sizeof(*task->visits), compare_visits);
        for (uint32_t i = 0; i < task->count; i++)
            task->visits[i]->ordinal = i;
        task->unsorted = false;
    }
}

void race_scan_end(struct race_scan *scan)
{
    order_visits(scan);
    if (!scan->owners)
        return;
    scan->shared = memory_get((UINT64_C(1) << scan->bits) / 64, sizeof(*scan->shared));
    scan->shared_count = race_owners_close(scan->owners, scan->shared);
    free(scan->owners);
    scan->owners = NULL;
}

void race_scan_close(struct race_scan *scan)
{
    for (uint32_t i = 0; i < scan->stream_count; i++) {
        for (uint32_t v = 0; v < scan->streams[i].visit_count; v++)
            race_visit_free(scan->streams[i].visits[v]);
        free(scan->streams[i].visits);
        free(scan->streams[i].cursor);
    }
    for (uint32_t t = 0; t < scan->task_count; t++)
        free(scan->tasks[t].visits);
    uint64_t hashes = UINT64_C(1) << scan->bits;
    memory_pages_free(scan->lives, hashes, sizeof(*scan->lives));
    memory_pages_free(scan->large, LARGE_PAGES, sizeof(*scan->large));
    free(scan->streams);
    free(scan->tasks);
    free(scan->shared);
}
