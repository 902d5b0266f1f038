/*
 * A worker: goes through all access streams in an order that happens-before allows and checks the
 * lines of its shard.
 *
 * A stream goes on until its task enters a segment that is after events not yet met in other
 * streams; then it waits in the list of the task it needs, and that task's progress wakes it. Which
 * stream runs when depends on the trace alone, not on the shard: results do not depend on the number
 * of workers, and all take the same batches in the same order. Invariant: a stream is running, ready,
 * in exactly one list of waiters, parked until there is more of it, or finished.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race_group.h"
#include "analyzer/race_source.h"

#define BATCH     32u
#define NO_STREAM UINT32_MAX

struct stream {
    struct race_batch *batch; /* NULL: finished */
    struct race_ahead ahead;
    uint32_t item, item_end, mark; /* of the batch, the next ones */
    uint32_t ordinal;              /* records of it that are counted in run->position */
    uint64_t segment;
    uint64_t taken;     /* records, of the batches so far */
    uint64_t until;     /* waits for the task it waits for to be done up to here ... */
    uint32_t task;      /* 0: none that is known, records are skipped */
    uint32_t visit;     /* index of the present visit */
    uint32_t next;      /* in a list of waiters */
    uint32_t waits_for; /* task */
    uint64_t granted;   /* records that could be read so far */
    bool begun, entering, finished, waiting;
    bool parked;    /* it has been read as far as it goes by now */
    bool for_visit; /* ... or for the task's stay on another stream to end */
};

struct run {
    struct race_worker *worker;
    const struct race_scan *scan;
    struct order_walk *walk;
    struct stream *streams;
    uint32_t stream_count, task_count;
    uint32_t *ready, ready_count;
    bool final;            /* the trace does not grow any more */
    bool under_way;        /* race_worker_advance is to be called again */
    uint64_t position;     /* records met, of all streams */
    uint32_t *waiters;     /* [task] first stream that waits for it */
    uint64_t *wake_at;     /* [task] the least of what they wait for */
    uint32_t *visit_index; /* [task] which visit it is at */
    uint64_t *next_event;  /* [task] */
    struct race_now now;
};

/* ---- who waits for whom ---- */

static void wait_for(struct run *run, uint32_t index, uint32_t task, uint64_t until, bool for_visit)
{
    struct stream *stream = &run->streams[index];
    stream->waits_for = task;
    stream->until = until;
    stream->for_visit = for_visit;
    stream->waiting = true;
    stream->next = run->waiters[task];
    run->waiters[task] = index;
    if (until < run->wake_at[task])
        run->wake_at[task] = until;
}

static void wake(struct run *run, uint32_t task, uint64_t done, bool visit_ended)
{
    uint32_t index = run->waiters[task];
    if (index == NO_STREAM || (done < run->wake_at[task] && !visit_ended))
        return;
    run->waiters[task] = NO_STREAM;
    run->wake_at[task] = UINT64_MAX;
    while (index != NO_STREAM) {
        struct stream *stream = &run->streams[index];
        uint32_t next = stream->next;
        if (done >= stream->until || (visit_ended && stream->for_visit)) {
            stream->waiting = false;
            run->ready[run->ready_count++] = index;
        } else {
            stream->next = run->waiters[task];
            run->waiters[task] = index;
            if (stream->until < run->wake_at[task])
                run->wake_at[task] = stream->until;
        }
        index = next;
    }
}

static void stop_waiting(struct run *run, uint32_t index)
{
    struct stream *stream = &run->streams[index];
    for (uint32_t *link = &run->waiters[stream->waits_for]; *link != NO_STREAM;
         link = &run->streams[*link].next) {
        if (*link == index) {
            *link = stream->next;
            break;
        }
    }
    stream->waiting = false;
}

static uint64_t before_segment(uint64_t segment)
{
    return segment ? segment - 1 : 0;
}

static void task_done(struct run *run, uint32_t task, uint64_t segment, bool visit_ended)
{
    if (segment < order_walk_progress(run->walk, task))
        segment = order_walk_progress(run->walk, task);
    order_walk_done(run->walk, task, segment);
    wake(run, task, segment, visit_ended);
}

/* The task leaves the stream: it goes on elsewhere, or is over. */
static void leave_task(struct run *run, struct stream *stream)
{
    uint32_t task = stream->task;
    if (task == 0)
        return;
    const struct race_scan *scan = run->scan;
    stream->task = 0;
    uint32_t at = ++run->visit_index[task];
    if (at < scan->tasks[task].count) {
        run->next_event[task] = scan->tasks[task].visits[at]->first_segment;
        task_done(run, task, before_segment(run->next_event[task]), true);
        return;
    }
    race_block_task_over(&run->worker->history, task, stream->segment);
    task_done(run, task, UINT64_MAX, true);
}

/* ---- checking ---- */

/* The lines of a run or range, some at a time. */
struct lines {
    struct race_item items[BATCH];
    uint32_t count;
};

static void check_lines(struct run *run, struct lines *lines)
{
    struct race_ahead ahead = {.lines = 0};
    race_check(&run->worker->history, &run->now, lines->items, 0, lines->count, lines->count,
               run->position, &ahead);
    lines->count = 0;
}

static void add_line(struct run *run, struct lines *lines, const struct race_mark *of,
                     uint64_t line, uint64_t mask)
{
    if (!race_mine(&run->worker->shard, line))
        return;
    lines->items[lines->count++] = (struct race_item){
        .line = line, .mask = mask, .site = of->site, .frame = of->frame, .held = of->held};
    if (lines->count == BATCH)
        check_lines(run, lines);
}

/* A line and those behind it, if they are a group's and can be checked as one. */
static bool add_group(struct run *run, const struct race_mark *of, uint64_t line, uint64_t mask)
{
    struct race_worker *worker = run->worker;
    uint64_t group = line / RACE_GROUP_LINES;
    for (uint64_t i = 0; i < RACE_GROUP_LINES; i++)
        if (!race_mine(&worker->shard, group * RACE_GROUP_LINES + i))
            return false;
    run->now.site = of->site;
    run->now.frame = of->frame;
    run->now.held = of->held;
    run->now.position = run->position;
    return race_check_group(&worker->history, &run->now, group, mask);
}

static void take_run(struct run *run, const struct race_mark *mark,
                     const struct race_record *record)
{
    struct lines lines = {.count = 0};
    uint64_t line = record->address / 64, left = record->run + 1;
    uint64_t edge = record->down ? RACE_GROUP_LINES - 1 : 0;
    while (left) {
        uint64_t step = 1;
        if (line % RACE_GROUP_LINES == edge && left >= RACE_GROUP_LINES &&
            add_group(run, mark, line, record->mask))
            step = RACE_GROUP_LINES;
        else
            add_line(run, &lines, mark, line, record->mask);
        line = record->down ? line - step : line + step;
        left -= step;
    }
    check_lines(run, &lines);
}

static void take_long(struct run *run, const struct race_mark *mark,
                      const struct race_record *record)
{
    struct lines lines = {.count = 0};
    uint64_t address = record->address, end = address + record->size;
    if (record->type == TRACE_ACCESS_LINE) {
        take_run(run, mark, record);
        return;
    }
    while (address < end) {
        uint64_t line = address / 64, next = (line + 1) * 64;
        uint64_t bytes = ~UINT64_C(0) << (address % 64);
        if (address % RACE_GROUP_BYTES == 0 && end - address >= RACE_GROUP_BYTES &&
            add_group(run, mark, line, bytes)) {
            address += RACE_GROUP_BYTES;
            continue;
        }
        if (next > end)
            bytes &= ~UINT64_C(0) >> (next - end);
        add_line(run, &lines, mark, line, bytes);
        address = next;
    }
    check_lines(run, &lines);
}

static void take_block(struct run *run, const struct race_mark *mark,
                       const struct race_record *record)
{
    run->now.site = mark->site;
    run->now.frame = mark->frame;
    run->now.held = mark->held;
    run->now.position = run->position;
    if (record->type == TRACE_ACCESS_ALLOC)
        race_block_begin(&run->worker->history, &run->worker->shard, &run->now, record);
    else
        race_block_end(&run->worker->history, &run->worker->shard, &run->now, record);
}

/* ---- streams ---- */

static void sweep(struct run *run)
{
    const struct order *order = run->worker->order;
    uint64_t *floor = memory_get(run->scan->task_count, sizeof(*floor));
    order_walk_floor(run->walk, run->next_event, NULL, floor);
    for (uint32_t t = 0; t < order->base_size; t++) /* tasks that sleep are after the base, too */
        floor[t] = floor[t] > order->base[t] ? floor[t] : order->base[t];
    race_sweep(&run->worker->history, floor);
    free(floor);
}

/* Begins the segment the stream has come to; false if it must wait. */
static bool enter(struct run *run, uint32_t index, bool force)
{
    struct stream *stream = &run->streams[index];
    uint32_t task = stream->task, other;
    uint64_t until;
    if (!force && stream->begun &&
        run->scan->streams[index].visits[stream->visit]->ordinal != run->visit_index[task]) {
        wait_for(run, index, task, UINT64_MAX, true);
        return false;
    }
    run->next_event[task] = stream->segment;
    if (!order_walk_enter(run->walk, task, stream->segment, force, &other, &until)) {
        wait_for(run, index, other, until, false);
        return false;
    }
    stream->entering = false;
    return true;
}

static void take_segment(struct run *run, struct stream *stream, const struct race_mark *mark)
{
    uint64_t segment = mark->value;
    uint32_t task = mark->site < run->scan->task_count ? mark->site : 0;
    if (mark->what == RACE_SWITCH) {
        leave_task(run, stream);
        stream->task = task;
        stream->visit += stream->begun;
    } else if (!stream->begun) {
        stream->task = task;
    } else if (stream->task) {
        task_done(run, stream->task, before_segment(segment), false);
    }
    stream->begun = true;
    stream->segment = segment;
    stream->entering = stream->task != 0;
    if (race_sweep_due(&run->worker->history))
        sweep(run);
}

/* Records of the batch up to this one have been met. */
static void count_to(struct run *run, struct stream *stream, uint32_t ordinal)
{
    run->position += ordinal - stream->ordinal;
    stream->ordinal = ordinal;
}

/* Checks the items that come before a record of the batch. */
static void take_items(struct run *run, struct stream *stream, uint32_t ordinal)
{
    const struct race_item *items = stream->batch->items;
    uint32_t from = stream->item, to = from;
    while (to < stream->item_end && items[to].ordinal < ordinal)
        to++;
    if (stream->task)
        race_check(&run->worker->history, &run->now, items, from, to, stream->item_end,
                   run->position - stream->ordinal, &stream->ahead);
    stream->item = to;
}

/* Takes what is left of the batch, up to the next segment. */
static void take(struct run *run, struct stream *stream)
{
    const struct race_batch *batch = stream->batch;
    while (stream->mark < batch->mark_count) {
        const struct race_mark *mark = &batch->marks[stream->mark];
        take_items(run, stream, mark->ordinal);
        count_to(run, stream, mark->ordinal);
        stream->mark++;
        if (mark->what == RACE_SEGMENT || mark->what == RACE_SWITCH) {
            take_segment(run, stream, mark);
            if (stream->entering)
                return;
        } else if (stream->task && mark->what == RACE_LONG) {
            take_long(run, mark, &batch->records[mark->value]);
        } else if (stream->task) {
            take_block(run, mark, &batch->records[mark->value]);
        }
    }
    take_items(run, stream, UINT32_MAX);
    count_to(run, stream, batch->count);
}

/* All that may be read of the stream has been: its task is done with what it no longer can do. */
static void drained(struct run *run, struct stream *stream)
{
    uint32_t task = stream->task;
    if (task == 0)
        return;
    const struct race_live *live = run->worker->live;
    uint64_t next = task < live->count ? live->segments[task] : 0;
    if (next < stream->segment)
        next = stream->segment;
    run->next_event[task] = next;
    task_done(run, task, task < live->count && live->over[task] ? UINT64_MAX : before_segment(next),
              false);
}

enum stop { STOP_WAITS, STOP_FAR, STOP_DRAINED, STOP_ENDED };

static bool batch_left(const struct stream *stream)
{
    return stream->ordinal < stream->batch->count;
}

static bool next_batch(struct run *run, uint32_t index)
{
    struct stream *stream = &run->streams[index];
    struct race_worker *worker = run->worker;
    uint32_t shard = worker->shard.index;
    struct race_batch *batch = race_source_next(worker->source, shard, index, stream->batch);
    if (!batch)
        return false;
    stream->batch = batch;
    stream->item = batch->first[shard];
    stream->item_end = batch->first[shard + 1];
    stream->ahead = (struct race_ahead){stream->item, stream->item, stream->item};
    stream->mark = stream->ordinal = 0;
    stream->taken += batch->count;
    atomic_fetch_add_explicit(&worker->progress, batch->count, memory_order_relaxed);
    return true;
}

/* Goes on with the stream until it must wait, or there is no more of it. */
static enum stop go_on(struct run *run, uint32_t index, bool force)
{
    struct stream *stream = &run->streams[index];
    for (;;) {
        if (stream->entering && !enter(run, index, force))
            return STOP_WAITS;
        force = false;
        run->now.task = stream->task;
        run->now.segment = stream->segment;
        run->now.clock = order_walk_clock(run->walk, stream->task);
        run->now.clocks = order_walk_pool(run->walk);
        do {
            if (!batch_left(stream)) {
                if (race_source_far(run->worker->source, run->worker->shard.index))
                    return STOP_FAR;
                if (!next_batch(run, index)) {
                    if (!run->final)
                        return STOP_DRAINED;
                    leave_task(run, stream);
                    return STOP_ENDED;
                }
            }
            take(run, stream);
        } while (!stream->entering);
    }
}

/* False if the worker must wait for others. */
static bool run_stream(struct run *run, uint32_t index, bool force)
{
    struct stream *stream = &run->streams[index];
    enum stop stop = go_on(run, index, force);
    stream->finished = stop == STOP_ENDED;
    stream->parked = stop == STOP_DRAINED;
    if (stop == STOP_FAR)
        run->ready[run->ready_count++] = index;
    if (stop == STOP_DRAINED)
        drained(run, stream);
    if (stop == STOP_ENDED) {
        race_batch_done(stream->batch);
        stream->batch = NULL;
    }
    return stop != STOP_FAR;
}

/* ---- from the beginning to the end ---- */

static void *grow(void *array, uint32_t old_count, uint32_t count, size_t size)
{
    char *larger = memory_resize(array, count, size);
    memset(larger + old_count * size, 0, (count - old_count) * size);
    return larger;
}

static void grow_run(struct run *run)
{
    const struct race_scan *scan = run->scan;
    uint32_t old = run->task_count, count = scan->task_count;
    run->waiters = grow(run->waiters, old, count, sizeof(*run->waiters));
    run->wake_at = grow(run->wake_at, old, count, sizeof(*run->wake_at));
    run->visit_index = grow(run->visit_index, old, count, sizeof(*run->visit_index));
    run->next_event = grow(run->next_event, old, count, sizeof(*run->next_event));
    for (uint32_t t = old; t < count; t++) {
        run->waiters[t] = NO_STREAM;
        run->wake_at[t] = UINT64_MAX;
    }
    run->task_count = count;
    order_walk_grow(run->walk);
    race_history_grow(&run->worker->history, count);
    run->streams = grow(run->streams, run->stream_count, scan->stream_count, sizeof(*run->streams));
    run->ready = memory_resize(run->ready, scan->stream_count, sizeof(*run->ready));
    for (uint32_t i = run->stream_count; i < scan->stream_count; i++) {
        run->streams[i].parked = true;
        run->streams[i].batch = race_source_head(run->worker->source, i);
    }
    run->stream_count = scan->stream_count;
}

/* What is known of tasks that are on no stream: where they come next, or that they do not. */
static void bring_tasks(struct run *run)
{
    const struct race_live *live = run->worker->live;
    for (uint32_t t = 0; t < run->task_count; t++) {
        const struct race_scan_task *task = &run->scan->tasks[t];
        uint32_t at = run->visit_index[t];
        uint64_t next = t < live->count ? live->segments[t] : 0;
        if (at < task->count) {
            if (order_walk_progress(run->walk, t) <
                before_segment(task->visits[at]->first_segment)) {
                run->next_event[t] = task->visits[at]->first_segment;
                task_done(run, t, before_segment(run->next_event[t]), false);
            }
            continue;
        }
        if (next > run->next_event[t])
            run->next_event[t] = next;
        if (run->final || (t < live->count && live->over[t]))
            task_done(run, t, UINT64_MAX, false);
        else if (t < live->count)
            task_done(run, t, before_segment(next), false);
    }
}

static void bring_streams(struct run *run)
{
    for (uint32_t i = run->stream_count; i-- > 0;) {
        struct stream *stream = &run->streams[i];
        if (!stream->parked)
            continue;
        if (!run->final && stream->taken == run->scan->streams[i].granted) {
            drained(run, stream);
            continue;
        }
        stream->parked = false;
        if (run->scan->trace->access[i].size)
            run->ready[run->ready_count++] = i;
        else
            stream->finished = true;
    }
}

static void begin(struct race_worker *worker, bool final)
{
    if (!worker->run) {
        worker->run = memory_get(1, sizeof(*worker->run));
        *worker->run = (struct run){
            .worker = worker, .scan = worker->scan, .walk = order_walk_new(worker->order)};
    }
    worker->run->final = final;
    worker->run->under_way = true;
    grow_run(worker->run);
    bring_tasks(worker->run);
    bring_streams(worker->run);
}

bool race_worker_advance(struct race_worker *worker, bool final)
{
    if (!worker->run || !worker->run->under_way)
        begin(worker, final);
    struct run *run = worker->run;
    uint32_t oldest = 0; /* no unfinished stream before this one */
    for (;;) {
        while (run->ready_count)
            if (!run_stream(run, run->ready[--run->ready_count], false))
                return false;
        if (!final)
            break;
        while (oldest < run->stream_count && run->streams[oldest].finished)
            oldest++;
        if (oldest == run->stream_count)
            break;
        /* All wait for each other: only a damaged trace says so. One goes on as it is. */
        worker->stalled = true;
        stop_waiting(run, oldest);
        if (!run_stream(run, oldest, true))
            return false;
    }
    run->under_way = false;
    const struct race_history *history = &worker->history;
    worker->lines =
        history->line_count - history->group_slots + RACE_GROUP_LINES * history->group_count;
    return true;
}

bool race_worker_cut(struct race_worker *worker, const uint64_t *sleeps, struct order_cut *cut)
{
    struct run *run = worker->run;
    uint32_t n = run->task_count;
    uint64_t *next = memory_get(n, sizeof(*next)), *own = memory_get(n, sizeof(*own));
    cut->base = memory_get(n, sizeof(*cut->base));
    cut->next = next;
    cut->asleep = memory_get(n, sizeof(*cut->asleep));
    cut->count = n;
    bool possible = true;
    for (uint32_t t = 0; t < n; t++) {
        next[t] = order_walk_progress(run->walk, t) == UINT64_MAX ? UINT64_MAX : run->next_event[t];
        own[t] = before_segment(next[t]);
    }
    for (uint32_t t = 1; t < n; t++) {
        /* Of its own segments a task knows those that are over: its children will be after them. An edge
         * that is not applied yet may tell of what is not in the base. */
        uint64_t settled = order_walk_settle(run->walk, t, own[t]);
        own[t] = next[t] == UINT64_MAX ? UINT64_MAX : own[t];
        own[t] = own[t] < settled ? own[t] : settled;
        /* Of one that sleeps all must have been met that was before. */
        cut->asleep[t] = sleeps[t] && sleeps[t] == next[t] && settled == UINT64_MAX;
        if (!cut->asleep[t] && next[t] != UINT64_MAX && !order_walk_awake(run->walk, t, next[t]))
            possible = false;
    }
    if (possible) {
        order_walk_floor(run->walk, next, cut->asleep, cut->base);
        for (uint32_t t = 0; t < n; t++)
            cut->base[t] = cut->base[t] < own[t] ? cut->base[t] : own[t];
    }
    free(own);
    return possible;
}

uint32_t race_worker_unsure(const struct race_worker *worker)
{
    return worker->run ? order_walk_unsure(worker->run->walk) : 0;
}

void race_worker_end(struct race_worker *worker)
{
    struct run *run = worker->run;
    if (!run)
        return;
    for (uint32_t i = 0; i < run->stream_count; i++)
        race_batch_done_all(run->streams[i].batch);
    order_walk_free(run->walk);
    free(run->streams);
    free(run->ready);
    free(run->waiters);
    free(run->wake_at);
    free(run->visit_index);
    free(run->next_event);
    free(run);
    worker->run = NULL;
}
