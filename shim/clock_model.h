/*
 * The recorder around the clocks, for tests that play several tasks by one thread: who is after whom is told by the edges
 * that the sync streams get. Included once, after the recorder's sources.
 */
#ifndef SHIM_CLOCK_MODEL_H
#define SHIM_CLOCK_MODEL_H

/* ---- the rest of the recorder ---- */

#define TASKS   40u
#define OBJECTS 64u

volatile uint32_t shim_life[1024] = {SHIM_ON};
__thread struct thread *thread_current;
struct object *object_table;

static struct thread threads[TASKS];
static struct trace_task records[TASKS];
static struct access_state states[TASKS];
static struct object objects[OBJECTS];
static uint32_t object_count, clock_tasks;

struct edge {
    uint32_t task, from;
    uint64_t segment, from_segment;
} edges[1024], folds[1024];
static uint32_t edge_count, fold_count;

struct touch {
    uintptr_t address;
    size_t size;
    uint32_t kind;
    uint64_t segment;
} last_touch;
static uint32_t touch_count;

struct thread *thread_attach(void)
{
    return NULL;
}

void thread_deliver(struct thread *thread)
{
    (void)thread;
}

void shim_off(const char *reason)
{
    fail_msg("%s", reason);
}

void *memory_get(size_t size)
{
    return raw_map(NULL, size, 3, 0x22, -1, 0);
}

uint32_t task_make_clock(void)
{
    return 1000 + clock_tasks++;
}

struct access_state *access_state_make(struct thread *thread)
{
    return thread->access = &states[thread->task];
}

void access_new_segment(struct thread *thread)
{
    (void)thread;
}

struct shim_options shim_options;

static uint32_t flush_count;

void access_flush(struct thread *thread)
{
    (void)thread;
    flush_count++;
    for (uint32_t i = 0; i < OBJECTS; i++)
        assert_false(object_clock(&objects[i])->lock.taken);
}

void access_record(struct thread *thread, uintptr_t address, size_t size, uint32_t kind,
                   uintptr_t pc)
{
    (void)pc;
    last_touch = (struct touch){address, size, kind, thread->segment};
    touch_count++;
}

struct object *object_find(struct thread *thread, uintptr_t address, enum trace_object_kind kind)
{
    (void)thread;
    for (uint32_t i = 1; i < object_count; i++)
        if (objects[i].shown.address == address && objects[i].shown.kind == (uint32_t)kind)
            return &objects[i];
    return NULL;
}

struct object *object_get(struct thread *thread, uintptr_t address, enum trace_object_kind kind)
{
    struct object *object = object_find(thread, address, kind);
    if (object)
        return object;
    object = &objects[object_count++];
    object->shown.address = address;
    object->shown.kind = (uint16_t)kind;
    return object;
}

void object_lock(struct object *object)
{
    assert_false(object_clock(object)->lock.taken);
    object_clock(object)->lock.taken = 1;
}

void object_unlock(struct object *object)
{
    assert_true(object_clock(object)->lock.taken);
    object_clock(object)->lock.taken = 0;
}

/* The stream holds one record at a time: read as soon as it is whole. */
static union {
    struct trace_chunk_header header;
    uint8_t bytes[8192];
} chunk;

uint8_t *stream_open_chunk(struct stream *stream)
{
    stream->chunk = &chunk.header;
    stream->next = chunk.bytes + sizeof chunk.header;
    stream->limit = chunk.bytes + sizeof chunk.bytes - TRACE_RECORD_MAX;
    return stream->next;
}

void sync_switch(struct thread *thread)
{
    thread->sync_codec.task = thread->task;
}

static void collect(void)
{
    struct thread *thread = thread_current;
    const uint8_t *p = chunk.bytes + sizeof chunk.header, *end = p + chunk.header.used;
    struct trace_sync_codec codec = {.task = thread->task, .segment = 0};
    struct trace_sync record;
    const char *error = NULL;
    while (p < end) {
        size_t size = trace_sync_get(&codec, p, end, &record, &error);
        assert_null(error);
        p += size;
        struct edge edge = {record.task, record.from, record.segment, record.from_segment};
        if (record.type == TRACE_SYNC_EDGE)
            edges[edge_count++] = edge;
        if (record.type == TRACE_SYNC_FOLD)
            folds[fold_count++] = edge;
    }
    thread->sync_codec = (struct trace_sync_codec){0};
    thread->sync.next = NULL;
    chunk.header.used = 0;
}

static void as(uint32_t task)
{
    if (thread_current)
        collect();
    thread_current = &threads[task];
    stream_open_chunk(&threads[task].sync);
    chunk.header.used = 0;
}

static int begin(void **state)
{
    (void)state;
    object_table = objects;
    object_count = 1;
    edge_count = fold_count = clock_tasks = touch_count = 0;
    thread_current = NULL;
    memset(objects, 0, sizeof objects);
    memset(threads, 0, sizeof threads);
    memset(states, 0, sizeof states);
    for (uint32_t i = 1; i < TASKS; i++)
        threads[i] = (struct thread){.task = i, .segment = 1, .record = &records[i]};
    return 0;
}

/* What task knew at its present segment of what `from` had done: the last segment, transitively. */
static uint64_t known_of(uint32_t task, uint64_t segment, uint32_t from, uint32_t steps)
{
    uint64_t best = 0;
    for (uint32_t i = 0; steps && i < edge_count + fold_count; i++) {
        const struct edge *edge = i < edge_count ? &edges[i] : &folds[i - edge_count];
        if (edge->task != task || edge->segment > segment)
            continue;
        uint64_t through = edge->from == from
                               ? edge->from_segment
                               : known_of(edge->from, edge->from_segment, from, steps - 1);
        if (through > best)
            best = through;
    }
    return best;
}

static uint64_t knows(uint32_t task, uint32_t from)
{
    collect();
    stream_open_chunk(&thread_current->sync);
    return known_of(task, threads[task].segment, from, 6);
}

#endif
