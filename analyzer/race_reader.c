/*
 * A stream read ahead of its check: records become items and marks, a batch at a time, with
 * everything resolved that depends on the stream alone (site, call stack, locks held), and lines
 * left out that are not worth a history.
 *
 * Invariant: where a batch ends depends on the records alone.
 */
#include <stdlib.h>

#include "analyzer/memory.h"
#include "analyzer/race_source.h"

struct race_reader *race_reader_new(const struct race_scan *scan, uint32_t stream)
{
    struct race_reader *reader = memory_get(1, sizeof(*reader));
    access_open(&reader->cursor, scan->trace, stream);
    for (uint32_t i = 0; i < RACE_CONTEXTS; i++)
        reader->contexts[i].node = RACE_FRAME;
    return reader;
}

void race_reader_free(struct race_reader *reader)
{
    free(reader->nodes);
    free(reader);
}

static uint32_t site_number(struct race_source *source, uint64_t pc, uint32_t kind)
{
    pthread_mutex_lock(&source->places_lock);
    uint32_t site = race_site_get(&source->places, pc, kind | race_machine(source->scan, pc));
    pthread_mutex_unlock(&source->places_lock);
    return site;
}

/* `entry`: of the stream's dictionary, where the site is mostly found again. */
static inline uint32_t site_of(struct race_source *source, struct race_reader *reader,
                               uint32_t entry, uint64_t pc, uint32_t kind)
{
    struct race_known_site *known = &reader->sites[entry];
    if (known->site && known->pc == pc && known->kind == kind)
        return known->site;
    *known = (struct race_known_site){pc, kind, site_number(source, pc, kind)};
    return known->site;
}

/* ---- call stacks ---- */

static uint32_t parent_of(struct race_source *source, const struct race_reader *reader,
                          uint32_t node)
{
    if (!(node & RACE_FRAME))
        return reader->nodes[node].parent;
    pthread_mutex_lock(&source->places_lock);
    uint32_t parent = source->places.frames[node & ~RACE_FRAME].parent;
    pthread_mutex_unlock(&source->places_lock);
    return RACE_FRAME | parent;
}

static uint32_t frame_of(struct race_source *source, struct race_reader *reader,
                         struct race_draft *draft, uint32_t node)
{
    uint32_t count = 0, frame;
    for (; !(node & RACE_FRAME) && !reader->nodes[node].frame; node = reader->nodes[node].parent) {
        MEMORY_GROW(draft->path, count, draft->path_capacity);
        draft->path[count++] = node;
    }
    frame = node & RACE_FRAME ? node & ~RACE_FRAME : reader->nodes[node].frame;
    if (count == 0)
        return frame;
    pthread_mutex_lock(&source->places_lock);
    while (count) {
        struct race_node *at = &reader->nodes[draft->path[--count]];
        frame = at->frame = race_frame_get(&source->places, frame, at->pc);
    }
    pthread_mutex_unlock(&source->places_lock);
    return frame;
}

/* Makes room for new nodes: the contexts that may still be referred to become frames. */
static void nodes_reuse(struct race_source *source, struct race_reader *reader,
                        struct race_draft *draft)
{
    for (uint32_t i = 0; i < RACE_CONTEXTS; i++) {
        struct race_context *context = &reader->contexts[i];
        bool recent = (draft->record.context - i) % RACE_CONTEXTS <= TRACE_CONTEXT_WINDOW + 1;
        context->node = RACE_FRAME | (recent ? frame_of(source, reader, draft, context->node) : 0);
    }
    reader->node_count = 0;
}

static void take_context(struct race_source *source, struct race_reader *reader,
                         struct race_draft *draft)
{
    const struct trace_access *record = &draft->record;
    if (reader->node_count + record->pushes > RACE_NODES)
        nodes_reuse(source, reader, draft);
    struct race_context context = {.node = reader->contexts[record->stack_of % RACE_CONTEXTS].node,
                                   .held = reader->contexts[record->held_of % RACE_CONTEXTS].held};
    for (uint32_t i = 0; i < record->pops && context.node != RACE_FRAME; i++)
        context.node = parent_of(source, reader, context.node);
    for (uint32_t i = 0; i < record->pushes; i++) {
        MEMORY_GROW(reader->nodes, reader->node_count, reader->node_capacity);
        reader->nodes[reader->node_count] =
            (struct race_node){.pc = record->push[i], .parent = context.node};
        context.node = reader->node_count++;
    }
    if (record->held_changed) {
        pthread_mutex_lock(&source->places_lock);
        context.held = race_held_get(&source->places, record->held, record->held_count);
        pthread_mutex_unlock(&source->places_lock);
    }
    reader->contexts[record->context % RACE_CONTEXTS] = context;
}

/* Where an access of this context was: its stack is a frame from here on. */
static inline const struct race_context *place_of(struct race_source *source,
                                                  struct race_reader *reader,
                                                  struct race_draft *draft, uint32_t number,
                                                  uint32_t *frame)
{
    struct race_context *context = &reader->contexts[number % RACE_CONTEXTS];
    if (!(context->node & RACE_FRAME))
        context->node = RACE_FRAME | frame_of(source, reader, draft, context->node);
    *frame = context->node & ~RACE_FRAME;
    return context;
}

/* ---- items and marks ---- */

static inline void put_line(struct race_source *source, struct race_reader *reader,
                            struct race_draft *draft, const struct trace_line *line, uint64_t pc,
                            uint32_t ordinal)
{
    struct race_item *item = &draft->items[draft->item_count++];
    item->line = line->line;
    item->mask = line->mask;
    item->site = site_of(source, reader, line->site, pc, line->kind);
    item->held = place_of(source, reader, draft, line->context, &item->frame)->held;
    item->ordinal = (uint16_t)ordinal;
    item->shard = (uint16_t)race_shard_of(line->line, source->shards);
}

/*
 * Lines, as long as there are only such; false if there is none. Which of them are worth a history is asked of all
 * before anything else is done: without a jump that depends on it, so that the looks at the marks overlap.
 */
static bool put_lines(struct race_source *source, struct race_reader *reader,
                      struct race_draft *draft, uint64_t left)
{
    const struct trace_site *sites = reader->cursor.codec.sites;
    uint64_t room = (left < RACE_RECORDS ? left : RACE_RECORDS) - draft->count;
    if (room > RACE_BATCH - draft->item_count)
        room = RACE_BATCH - draft->item_count;
    uint32_t count = access_lines(&reader->cursor, reader->lines,
                                  room < RACE_LINES ? (uint32_t)room : RACE_LINES);
    uint32_t worth = 0;
    uint8_t chosen[RACE_LINES];
    for (uint32_t i = 0; i < count; i++) {
        chosen[worth] = (uint8_t)i;
        worth += race_shared(source->scan, reader->lines[i].line);
    }
    for (uint32_t i = 0; i < worth; i++) {
        const struct trace_line *line = &reader->lines[chosen[i]];
        put_line(source, reader, draft, line, sites[line->site].pc, draft->count + chosen[i] + 1u);
    }
    draft->count += count;
    return count != 0;
}

/* A line that access_next gave: it may be of the open table, and the dictionary does not know it. */
static void put_single(struct race_source *source, struct race_reader *reader,
                       struct race_draft *draft)
{
    const struct trace_access *record = &draft->record;
    struct trace_line line = {record->address / 64, record->mask, record->context,
                              reader->cursor.codec.site, (uint8_t)record->kind};
    if (race_shared(source->scan, line.line))
        put_line(source, reader, draft, &line, record->pc, draft->count);
}

/* Runs, ranges and blocks: the record itself is needed. */
static void put_record(struct race_source *source, struct race_reader *reader,
                       struct race_draft *draft, enum race_what what)
{
    const struct trace_access *record = &draft->record;
    struct race_mark *mark = &draft->marks[draft->mark_count++];
    *mark = (struct race_mark){
        .value = draft->record_count, .ordinal = (uint16_t)draft->count, .what = (uint16_t)what};
    mark->held = place_of(source, reader, draft, record->context, &mark->frame)->held;
    if (what == RACE_LONG)
        mark->site = site_of(source, reader, reader->cursor.codec.site, record->pc, record->kind);
    else if (record->type == TRACE_ACCESS_FREE)
        mark->site = site_number(source, record->pc, RACE_KIND_FREE | TRACE_KIND_WRITE);
    draft->records[draft->record_count++] = (struct race_record){.type = record->type,
                                                                 .kind = record->kind,
                                                                 .address = record->address,
                                                                 .mask = record->mask,
                                                                 .size = record->size,
                                                                 .pc = record->pc,
                                                                 .tsc = record->tsc,
                                                                 .run = record->run,
                                                                 .down = record->stride < 0};
}

static void put_segment(struct race_reader *reader, struct race_draft *draft, enum race_what what)
{
    draft->marks[draft->mark_count++] = (struct race_mark){.value = draft->record.segment,
                                                           .site = draft->record.task,
                                                           .ordinal = (uint16_t)draft->count,
                                                           .what = (uint16_t)what};
    if (what == RACE_SWITCH)
        reader->contexts[0] = (struct race_context){RACE_FRAME, 0};
}

bool race_reader_fill(struct race_source *source, struct race_reader *reader,
                      struct race_draft *draft, uint64_t left)
{
    draft->count = draft->item_count = draft->mark_count = draft->record_count = 0;
    while (draft->count < RACE_RECORDS && draft->item_count < RACE_BATCH &&
           draft->mark_count < RACE_BATCH && draft->count < left) {
        if (put_lines(source, reader, draft, left))
            continue;
        if (!access_next(&reader->cursor, &draft->record))
            return false;
        draft->count++;
        switch ((enum trace_access_type)draft->record.type) {
        case TRACE_ACCESS_LINE:
            if (draft->record.run == 0)
                put_single(source, reader, draft);
            else
                put_record(source, reader, draft, RACE_LONG);
            break;
        case TRACE_ACCESS_RANGE:
            put_record(source, reader, draft, RACE_LONG);
            break;
        case TRACE_ACCESS_CONTEXT:
            take_context(source, reader, draft);
            break;
        case TRACE_ACCESS_ALLOC:
        case TRACE_ACCESS_FREE:
            put_record(source, reader, draft, RACE_BLOCK_RECORD);
            break;
        case TRACE_ACCESS_SWITCH:
            put_segment(reader, draft, RACE_SWITCH);
            break;
        case TRACE_ACCESS_SEGMENT:
            put_segment(reader, draft, RACE_SEGMENT);
            break;
        case TRACE_ACCESS_LOST:
        case TRACE_ACCESS_TIME:
            break;
        }
    }
    return true;
}
