/*
 * A stream read ahead of its check: records become items, a block at a time, with everything
 * resolved that depends on the stream alone (site, call stack, locks held) and lines left out that
 * are not this worker's. Meanwhile the lines' places are being fetched into the cache; segments of
 * a few accesses would leave no time for that.
 *
 * Invariant: where a block ends depends on the records alone, not on the worker's share of lines.
 */
#include <stdlib.h>

#include "analyzer/memory.h"
#include "analyzer/race.h"

void race_reader_open(struct race_reader *reader, struct race_worker *worker, uint32_t stream)
{
    reader->worker = worker;
    access_open(&reader->cursor, worker->scan->trace, stream);
    for (uint32_t i = 0; i < RACE_CONTEXTS; i++)
        reader->contexts[i].node = RACE_FRAME;
}

void race_reader_close(struct race_reader *reader)
{
    free(reader->nodes);
    free(reader->path);
    free(reader);
}

static uint32_t site_of(struct race_reader *reader)
{
    const struct trace_access *record = &reader->record;
    struct race_known_site *known = &reader->sites[reader->cursor.codec.site];
    if (known->site && known->pc == record->pc && known->kind == record->kind)
        return known->site;
    uint32_t kind = record->kind | race_machine(reader->worker->scan, record->pc);
    *known = (struct race_known_site){record->pc, record->kind,
                                      race_site_get(&reader->worker->places, record->pc, kind)};
    return known->site;
}

/* ---- call stacks ---- */

static uint32_t parent_of(const struct race_reader *reader, uint32_t node)
{
    if (node & RACE_FRAME)
        return RACE_FRAME | reader->worker->places.frames[node & ~RACE_FRAME].parent;
    return reader->nodes[node].parent;
}

static uint32_t frame_of(struct race_reader *reader, uint32_t node)
{
    uint32_t count = 0, frame;
    for (; !(node & RACE_FRAME) && !reader->nodes[node].frame; node = reader->nodes[node].parent) {
        MEMORY_GROW(reader->path, count, reader->path_capacity);
        reader->path[count++] = node;
    }
    frame = node & RACE_FRAME ? node & ~RACE_FRAME : reader->nodes[node].frame;
    while (count) {
        struct race_node *at = &reader->nodes[reader->path[--count]];
        frame = at->frame = race_frame_get(&reader->worker->places, frame, at->pc);
    }
    return frame;
}

/* Makes room for new nodes: the contexts that may still be referred to become frames. */
static void nodes_reuse(struct race_reader *reader)
{
    for (uint32_t i = 0; i < RACE_CONTEXTS; i++) {
        struct race_context *context = &reader->contexts[i];
        bool recent = (reader->record.context - i) % RACE_CONTEXTS <= TRACE_CONTEXT_WINDOW + 1;
        context->node = RACE_FRAME | (recent ? frame_of(reader, context->node) : 0);
    }
    reader->node_count = 0;
}

static void take_context(struct race_reader *reader)
{
    const struct trace_access *record = &reader->record;
    if (reader->node_count + record->pushes > RACE_NODES)
        nodes_reuse(reader);
    struct race_context context = reader->contexts[(record->context - 1) % RACE_CONTEXTS];
    for (uint32_t i = 0; i < record->pops && context.node != RACE_FRAME; i++)
        context.node = parent_of(reader, context.node);
    for (uint32_t i = 0; i < record->pushes; i++) {
        MEMORY_GROW(reader->nodes, reader->node_count, reader->node_capacity);
        reader->nodes[reader->node_count] =
            (struct race_node){.pc = record->push[i], .parent = context.node};
        context.node = reader->node_count++;
    }
    if (record->held_changed)
        context.held = race_held_get(&reader->worker->places, record->held, record->held_count);
    reader->contexts[record->context % RACE_CONTEXTS] = context;
}

/* ---- items ---- */

static struct race_item *put(struct race_reader *reader, enum race_what what)
{
    struct race_item *item = &reader->items[reader->count++];
    item->what = (uint8_t)what;
    item->records = (uint16_t)reader->skipped;
    reader->skipped = 0;
    return item;
}

static void put_place(struct race_reader *reader, struct race_item *item)
{
    const struct race_context *context = &reader->contexts[reader->record.context % RACE_CONTEXTS];
    item->frame =
        context->node & RACE_FRAME ? context->node & ~RACE_FRAME : frame_of(reader, context->node);
    item->held = context->held;
}

static inline void put_line(struct race_reader *reader)
{
    uint64_t line = reader->record.address / 64;
    if (!race_mine(&reader->worker->shard, line))
        return;
    __builtin_prefetch(race_line_slot(&reader->worker->history, line), 1);
    struct race_item *item = put(reader, RACE_LINE);
    item->line = line;
    item->mask = reader->record.mask;
    item->site = site_of(reader);
    put_place(reader, item);
}

/* Runs, ranges and blocks: the record itself is needed. */
static void put_record(struct race_reader *reader, enum race_what what)
{
    const struct trace_access *record = &reader->record;
    struct race_item *item = put(reader, what);
    item->line = reader->record_count;
    item->site = what == RACE_LONG ? site_of(reader) : 0;
    put_place(reader, item);
    reader->records[reader->record_count++] = (struct race_record){.type = record->type,
                                                                   .kind = record->kind,
                                                                   .address = record->address,
                                                                   .mask = record->mask,
                                                                   .size = record->size,
                                                                   .pc = record->pc,
                                                                   .tsc = record->tsc,
                                                                   .run = record->run,
                                                                   .down = record->stride < 0};
}

static void put_segment(struct race_reader *reader, enum race_what what)
{
    struct race_item *item = put(reader, what);
    item->line = reader->record.segment;
    item->site = reader->record.task;
    if (what == RACE_SWITCH)
        reader->contexts[0] = (struct race_context){RACE_FRAME, 0};
}

bool race_reader_fill(struct race_reader *reader, uint64_t *left)
{
    reader->count = reader->at = reader->fetched = reader->record_count = 0;
    for (uint32_t n = 0; n < RACE_BLOCK; n++) {
        if (*left == 0 || !access_next(&reader->cursor, &reader->record))
            return n > 0;
        --*left;
        reader->skipped++;
        switch ((enum trace_access_type)reader->record.type) {
        case TRACE_ACCESS_LINE:
            if (reader->record.run == 0)
                put_line(reader);
            else
                put_record(reader, RACE_LONG);
            break;
        case TRACE_ACCESS_RANGE:
            put_record(reader, RACE_LONG);
            break;
        case TRACE_ACCESS_CONTEXT:
            take_context(reader);
            break;
        case TRACE_ACCESS_ALLOC:
        case TRACE_ACCESS_FREE:
            put_record(reader, RACE_BLOCK_RECORD);
            break;
        case TRACE_ACCESS_SWITCH:
            put_segment(reader, RACE_SWITCH);
            break;
        case TRACE_ACCESS_SEGMENT:
            put_segment(reader, RACE_SEGMENT);
            break;
        case TRACE_ACCESS_LOST:
        case TRACE_ACCESS_TIME:
            break;
        }
    }
    return true;
}
