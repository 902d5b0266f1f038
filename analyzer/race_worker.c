/*
 * A worker: reads all access streams in an order that happens-before allows and checks the lines of
 * its shard.
 *
 * A stream goes on until its task enters a segment that is after events not yet read in other
 * streams; then it waits in the list of the task it needs, and that task's progress wakes it. Which
 * stream runs when depends on the trace alone, not on the shard, so that results do not depend on
 * the number of workers. Invariant: a stream is running, ready, in exactly one list of waiters, or
 * finished.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzer/memory.h"
#include "analyzer/race.h"

#define BATCH     32u
#define NO_STREAM UINT32_MAX
#define CONTEXTS  2048u /* a power of two above TRACE_CONTEXT_WINDOW */
static_assert(CONTEXTS > TRACE_CONTEXT_WINDOW, "contexts in the window do not share a place");

struct context {
    uint32_t frame, held;
};

struct known_site {
    uint64_t pc;
    uint32_t kind, site;
};

struct stream_state {
    struct access_cursor cursor;
    struct trace_access record;
    struct context contexts[CONTEXTS];
    struct known_site sites[TRACE_SITES];
};

struct stream {
    struct stream_state *state; /* only while it is being read */
    uint64_t segment;
    uint64_t left;      /* records not yet read */
    uint64_t until;     /* waits for the task it waits for to be done up to here ... */
    uint32_t task;      /* 0: none that is known, records are skipped */
    uint32_t visit;     /* index of the present visit */
    uint32_t next;      /* in a list of waiters */
    uint32_t waits_for; /* task */
    bool begun, entering, finished, waiting;
    bool for_visit; /* ... or for the task's stay on another stream to end */
};

struct run {
    struct race_worker *worker;
    const struct race_scan *scan;
    struct order_walk *walk;
    struct stream *streams;
    uint32_t stream_count;
    uint32_t *ready, ready_count;
    uint32_t *waiters;     /* [task] first stream that waits for it */
    uint64_t *wake_at;     /* [task] the least of what they wait for */
    uint32_t *visit_index; /* [task] which visit it is at */
    uint64_t *next_event;  /* [task] */
    struct race_now now;
    struct race_item batch[BATCH];
    uint32_t batch_count;
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
    uint64_t at = scan->first_visit[task] + ++run->visit_index[task];
    if (at < scan->first_visit[task + 1]) {
        run->next_event[task] = scan->visits[at]->first_segment;
        task_done(run, task, before_segment(run->next_event[task]), true);
        return;
    }
    race_block_task_over(&run->worker->history, task, stream->segment);
    task_done(run, task, UINT64_MAX, true);
}

/* ---- checking ---- */

static void flush(struct run *run)
{
    race_check(&run->worker->history, &run->now, run->batch, run->batch_count);
    run->batch_count = 0;
}

static uint32_t site_of(struct run *run, struct stream_state *state)
{
    const struct trace_access *record = &state->record;
    struct known_site *known = &state->sites[state->cursor.codec.site];
    if (known->site && known->pc == record->pc && known->kind == record->kind)
        return known->site;
    *known = (struct known_site){record->pc, record->kind,
                                 race_site_get(&run->worker->places, record->pc, record->kind)};
    return known->site;
}

static void put(struct run *run, struct stream_state *state, uint64_t line, uint64_t mask)
{
    if (!race_mine(&run->worker->shard, line))
        return;
    __builtin_prefetch(race_line_slot(&run->worker->history, line), 1);
    const struct context *context = &state->contexts[state->record.context % CONTEXTS];
    run->batch[run->batch_count++] = (struct race_item){.line = line,
                                                         .mask = mask,
                                                         .position = run->now.position,
                                                         .site = site_of(run, state),
                                                         .frame = context->frame,
                                                         .held = context->held};
    if (run->batch_count == BATCH)
        flush(run);
}

static void put_range(struct run *run, struct stream_state *state)
{
    uint64_t address = state->record.address, end = address + state->record.size;
    while (address < end) {
        uint64_t line = address / 64, next = (line + 1) * 64;
        uint64_t mask = ~UINT64_C(0) << (address % 64);
        if (next > end)
            mask &= ~UINT64_C(0) >> (next - end);
        put(run, state, line, mask);
        address = next;
    }
}

static void take_context(struct run *run, struct stream_state *state)
{
    const struct trace_access *record = &state->record;
    struct race_places *places = &run->worker->places;
    struct context context = state->contexts[(record->context - 1) % CONTEXTS];
    for (uint32_t i = 0; i < record->pops && context.frame; i++)
        context.frame = places->frames[context.frame].parent;
    for (uint32_t i = 0; i < record->pushes; i++)
        context.frame = race_frame_get(places, context.frame, record->push[i]);
    if (record->held_changed)
        context.held = race_held_get(places, record->held, record->held_count);
    state->contexts[record->context % CONTEXTS] = context;
}

static void take_block(struct run *run, struct stream_state *state)
{
    const struct trace_access *record = &state->record;
    const struct context *context = &state->contexts[record->context % CONTEXTS];
    flush(run);
    run->now.frame = context->frame;
    run->now.held = context->held;
    if (record->type == TRACE_ACCESS_ALLOC) {
        race_block_begin(&run->worker->history, &run->worker->shard, &run->now, record);
        return;
    }
    run->now.site =
        race_site_get(&run->worker->places, record->pc, RACE_KIND_FREE | TRACE_KIND_WRITE);
    race_block_end(&run->worker->history, &run->worker->shard, &run->now, record);
}

/* ---- streams ---- */

static void sweep(struct run *run)
{
    uint64_t *floor = memory_get(run->scan->task_count, sizeof(*floor));
    order_walk_floor(run->walk, run->next_event, floor);
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
        run->scan->streams[index].visits[stream->visit].ordinal != run->visit_index[task]) {
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

/* Takes a record; false if the stream has come to a new segment. */
static bool take(struct run *run, struct stream *stream)
{
    struct stream_state *state = stream->state;
    const struct trace_access *record = &state->record;
    uint64_t line = record->address / 64;
    run->now.position++;
    switch ((enum trace_access_type)record->type) {
    case TRACE_ACCESS_LINE:
        for (uint64_t i = 0; stream->task && i <= record->run; i++)
            put(run, state, record->stride < 0 ? line - i : line + i, record->mask);
        return true;
    case TRACE_ACCESS_RANGE:
        if (stream->task)
            put_range(run, state);
        return true;
    case TRACE_ACCESS_CONTEXT:
        take_context(run, state);
        return true;
    case TRACE_ACCESS_ALLOC:
    case TRACE_ACCESS_FREE:
        if (stream->task)
            take_block(run, state);
        return true;
    case TRACE_ACCESS_LOST:
        return true;
    case TRACE_ACCESS_SWITCH:
        flush(run);
        leave_task(run, stream);
        stream->task = record->task < run->scan->task_count ? record->task : 0;
        stream->visit += stream->begun;
        state->contexts[0] = (struct context){0, 0};
        break;
    case TRACE_ACCESS_SEGMENT:
        flush(run);
        if (!stream->begun)
            stream->task = record->task < run->scan->task_count ? record->task : 0;
        else if (stream->task)
            task_done(run, stream->task, before_segment(record->segment), false);
        break;
    }
    stream->begun = true;
    stream->segment = record->segment;
    stream->entering = stream->task != 0;
    if (race_sweep_due(&run->worker->history))
        sweep(run);
    return !stream->entering;
}

static void run_stream(struct run *run, uint32_t index, bool force)
{
    struct stream *stream = &run->streams[index];
    if (!stream->state) {
        stream->state = memory_get(1, sizeof(*stream->state));
        access_open(&stream->state->cursor, run->scan->trace, index);
    }
    struct stream_state *state = stream->state;
    uint64_t offset = state->cursor.offset;
    for (;;) {
        if (stream->entering && !enter(run, index, force))
            break;
        force = false;
        run->now.task = stream->task;
        run->now.segment = stream->segment;
        run->now.clock = order_walk_clock(run->walk, stream->task, &run->now.clock_size);
        while (stream->left > 0 && access_next(&state->cursor, &state->record)) {
            stream->left--;
            if (!take(run, stream))
                break;
        }
        if (stream->entering)
            continue;
        flush(run);
        leave_task(run, stream);
        stream->finished = true;
        break;
    }
    if (state->cursor.offset > offset)
        atomic_fetch_add_explicit(&run->worker->progress, state->cursor.offset - offset,
                                  memory_order_relaxed);
    if (stream->finished) {
        free(state);
        stream->state = NULL;
    }
}

static void prepare(struct run *run, struct race_worker *worker)
{
    const struct race_scan *scan = worker->scan;
    *run = (struct run){.worker = worker,
                        .scan = scan,
                        .walk = order_walk_new(worker->order),
                        .stream_count = scan->trace->stream_count};
    run->streams = memory_get(run->stream_count, sizeof(*run->streams));
    run->ready = memory_get(run->stream_count, sizeof(*run->ready));
    run->waiters = memory_get(scan->task_count, sizeof(*run->waiters));
    run->wake_at = memory_get(scan->task_count, sizeof(*run->wake_at));
    run->visit_index = memory_get(scan->task_count, sizeof(*run->visit_index));
    run->next_event = memory_get(scan->task_count, sizeof(*run->next_event));
    for (uint32_t t = 0; t < scan->task_count; t++) {
        bool any = scan->first_visit[t] < scan->first_visit[t + 1];
        run->waiters[t] = NO_STREAM;
        run->wake_at[t] = UINT64_MAX;
        run->next_event[t] = scan->starts[t];
        order_walk_done(run->walk, t, any ? before_segment(scan->starts[t]) : UINT64_MAX);
    }
    for (uint32_t i = run->stream_count; i-- > 0;) {
        run->streams[i].left = scan->streams[i].all_records;
        if (scan->trace->access[i].size)
            run->ready[run->ready_count++] = i;
        else
            run->streams[i].finished = true;
    }
}

void race_worker_run(struct race_worker *worker)
{
    struct run *run = memory_get(1, sizeof(*run));
    prepare(run, worker);
    uint32_t oldest = 0; /* no unfinished stream before this one */
    for (;;) {
        while (run->ready_count)
            run_stream(run, run->ready[--run->ready_count], false);
        while (oldest < run->stream_count && run->streams[oldest].finished)
            oldest++;
        if (oldest == run->stream_count)
            break;
        /* All wait for each other: only a damaged trace says so. One goes on as it is. */
        worker->stalled = true;
        stop_waiting(run, oldest);
        run_stream(run, oldest, true);
    }
    worker->lines = worker->history.line_count;
    order_walk_free(run->walk);
    free(run->streams);
    free(run->ready);
    free(run->waiters);
    free(run->wake_at);
    free(run->visit_index);
    free(run->next_event);
    free(run);
}
