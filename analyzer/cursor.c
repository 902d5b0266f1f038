/*
 * Cursors over the streams: chunk by chunk, record by record, and after the last chunk of an access
 * stream the records that lay open in its header. Invariant: a cursor always moves on or stops, so
 * that reading ends on any input; a chunk that cannot be trusted ends its stream with an error,
 * because the records behind it depend on those before.
 */
#include <string.h>

#include "analyzer/trace.h"

#define CUT_SHORT   UINT64_MAX
#define WINDOW_READ (UINT64_MAX - 1)

/* Where the parts of a stream's file lie. */
struct stream_layout {
    uint32_t window, data;
};
static const struct stream_layout sync_layout = {TRACE_SYNC_WINDOW, TRACE_SYNC_OFFSET};
static const struct stream_layout access_layout = {TRACE_ACCESS_WINDOW, TRACE_ACCESS_OFFSET};

/* The header at `offset`, of a chunk of at most `room` bytes; false if nothing was written there, or with *error. */
static bool chunk_read(const struct trace_blob *blob, uint64_t offset, uint32_t room,
                       struct trace_chunk_header *chunk, const char **error)
{
    if (offset >= blob->size)
        return false;
    if (blob->size - offset < sizeof(*chunk)) {
        *error = "chunk header cut short";
        return false;
    }
    memcpy(chunk, blob->bytes + offset, sizeof(*chunk));
    if (chunk->magic == 0 && chunk->used == 0 && chunk->sequence == 0)
        return false; /* made ready, never written */
    if (chunk->magic != TRACE_CHUNK_MAGIC)
        *error = "no chunk where one must be";
    else if (chunk->size < TRACE_CHUNK_MIN || chunk->size > room || chunk->size % 4096)
        *error = "chunk of an impossible size";
    else if (chunk->used > chunk->size - sizeof(*chunk))
        *error = "chunk with more records than room";
    return !*error;
}

/*
 * Goes to the next chunk with records; false at the end of the stream. The chunks from layout->data on come first, then
 * the one in the window, whose number says how many those are. Without a window that can be trusted there may be records
 * after those that are found.
 */
static bool chunk_next(const struct trace_blob *blob, const struct stream_layout *layout,
                       uint64_t *offset, uint64_t *end, uint64_t *chunk_after, uint32_t *sequence,
                       const char **error)
{
    for (;;) {
        struct trace_chunk_header chunk, window;
        const char *wrong = NULL;
        if (*chunk_after == CUT_SHORT)
            *error = "chunk cut short";
        if (*chunk_after >= WINDOW_READ)
            return false;
        bool last =
            chunk_read(blob, layout->window, layout->data - layout->window, &window, &wrong);
        if (last && window.sequence == *sequence) {
            chunk = window;
            *offset = layout->window;
            *chunk_after = WINDOW_READ;
        } else {
            *offset = *chunk_after;
            bool found = chunk_read(blob, *offset, TRACE_CHUNK_MAX, &chunk, error);
            if (!found && !*error)
                *error = wrong;
            if (!*error && (found ? chunk.sequence != *sequence : last || *sequence))
                *error = "a chunk is missing";
            if (!found || *error)
                return false;
            *chunk_after = *offset + chunk.size;
        }
        (*sequence)++;
        *offset += sizeof(chunk);
        *end = *offset + chunk.used;
        if (*end > blob->size) { /* what is there is read, then it is an error */
            *end = blob->size;
            *chunk_after = CUT_SHORT;
        }
        if (*end > *offset)
            return true;
    }
}

void sync_open(struct sync_cursor *cursor, const struct trace *trace, uint32_t stream)
{
    *cursor = (struct sync_cursor){.trace = trace,
                                   .stream = stream,
                                   .offset = TRACE_SYNC_OFFSET,
                                   .chunk_end = TRACE_SYNC_OFFSET,
                                   .chunk_after = TRACE_SYNC_OFFSET};
}

bool sync_next(struct sync_cursor *cursor, struct trace_sync *record)
{
    if (cursor->error || cursor->stream >= cursor->trace->stream_count)
        return false;
    const struct trace_blob *blob = &cursor->trace->sync[cursor->stream];
    if (cursor->offset >= cursor->chunk_end &&
        !chunk_next(blob, &sync_layout, &cursor->offset, &cursor->chunk_end, &cursor->chunk_after,
                    &cursor->sequence, &cursor->error)) {
        cursor->chunk_end = 0;
        cursor->error_offset = cursor->offset;
        return false;
    }
    size_t size = trace_sync_get(&cursor->codec, blob->bytes + cursor->offset,
                                 blob->bytes + cursor->chunk_end, record, &cursor->error);
    if (size == 0) {
        cursor->error_offset = cursor->offset;
        return false;
    }
    cursor->offset += size;
    return true;
}

void access_open(struct access_cursor *cursor, const struct trace *trace, uint32_t stream)
{
    *cursor = (struct access_cursor){.trace = trace,
                                     .stream = stream,
                                     .offset = TRACE_ACCESS_OFFSET,
                                     .chunk_end = TRACE_ACCESS_OFFSET,
                                     .chunk_after = TRACE_ACCESS_OFFSET};
}

/* An access whose address or extent no program can have: damage that happens to decode. */
static const char *implausible(const struct trace_access *record)
{
    switch ((enum trace_access_type)record->type) {
    case TRACE_ACCESS_LINE:
        if (record->address >= TRACE_ADDRESS_MAX || record->run > TRACE_RANGE_MAX / 64)
            return "line outside of any program's memory";
        if (record->stride < 0 ? record->run * 64 > record->address
                               : record->address + record->run * 64 >= TRACE_ADDRESS_MAX)
            return "run outside of any program's memory";
        return NULL;
    case TRACE_ACCESS_RANGE:
        if (record->size > TRACE_RANGE_MAX)
            return "range larger than memory";
        if (record->address + record->size > TRACE_ADDRESS_MAX)
            return "range outside of any program's memory";
        return NULL;
    case TRACE_ACCESS_ALLOC:
    case TRACE_ACCESS_FREE:
        if (record->address + record->size > TRACE_ADDRESS_MAX)
            return "block outside of any program's memory";
        return NULL;
    case TRACE_ACCESS_SWITCH:
    case TRACE_ACCESS_SEGMENT:
    case TRACE_ACCESS_CONTEXT:
    case TRACE_ACCESS_LOST:
        return NULL;
    }
    return NULL;
}

/*
 * The open table, as LINE records. An entry stands for its run (lines before `line`, with run_mask)
 * and for `line` itself; they are one record where the masks are equal, else two: open_run says
 * that the run has been given out.
 */
static bool open_next(struct access_cursor *cursor, const struct trace_blob *blob,
                      struct trace_access *record)
{
    /* While the program runs, what lies open is of a later time than the chunks that were read. */
    if (blob->size < TRACE_ACCESS_WINDOW || cursor->trace->live)
        return false;
    while (cursor->open_index < TRACE_OPEN_ENTRIES) {
        struct trace_open open;
        cursor->offset = TRACE_OPEN_OFFSET + cursor->open_index * sizeof(open);
        memcpy(&open, blob->bytes + cursor->offset, sizeof(open));
        if (open.mask == 0) {
            cursor->open_index++;
            continue;
        }
        uint64_t back = (uint64_t)open.run * 64;
        record->type = TRACE_ACCESS_LINE;
        record->kind = open.kind;
        record->task = cursor->codec.task;
        record->segment = cursor->codec.segment;
        record->context = open.context;
        record->pc = open.pc;
        record->stride = open.stride < 0 ? -1 : 1;
        if (open.run && !cursor->open_run) {
            bool one = open.run_mask == open.mask;
            record->address = open.stride < 0 ? open.line + back : open.line - back;
            record->mask = open.run_mask;
            record->run = one ? open.run : open.run - 1;
            cursor->open_run = !one;
        } else {
            record->address = open.line;
            record->mask = open.mask;
            record->run = 0;
            cursor->open_run = false;
        }
        if (!cursor->open_run)
            cursor->open_index++;
        record->address &= ~UINT64_C(63);
        if (open.context > cursor->codec.context ||
            cursor->codec.context - open.context > TRACE_CONTEXT_WINDOW)
            cursor->error = "open entry with an unknown context";
        else if (record->mask == 0)
            cursor->error = "open entry with an empty run";
        else
            cursor->error = implausible(record);
        cursor->error_offset = cursor->offset;
        return !cursor->error;
    }
    return false;
}

bool access_next(struct access_cursor *cursor, struct trace_access *record)
{
    if (cursor->error || cursor->stream >= cursor->trace->stream_count)
        return false;
    const struct trace_blob *blob = &cursor->trace->access[cursor->stream];
    if (cursor->chunk_end == 0)
        return open_next(cursor, blob, record);
    if (cursor->offset >= cursor->chunk_end &&
        !chunk_next(blob, &access_layout, &cursor->offset, &cursor->chunk_end, &cursor->chunk_after,
                    &cursor->sequence, &cursor->error)) {
        cursor->chunk_end = 0;
        cursor->error_offset = cursor->offset;
        return !cursor->error && open_next(cursor, blob, record);
    }
    size_t size = trace_access_get(&cursor->codec, blob->bytes + cursor->offset,
                                   blob->bytes + cursor->chunk_end, record, &cursor->error);
    if (size != 0)
        cursor->error = implausible(record);
    if (cursor->error) {
        cursor->error_offset = cursor->offset;
        return false;
    }
    cursor->offset += size;
    return true;
}
