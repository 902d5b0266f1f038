/*
 * Cursors over the streams: chunk by chunk, record by record, and after the last chunk of an access
 * stream the records that lay open in its header, or parked. Invariant: a cursor always moves on or stops, so
 * that reading ends on any input; a chunk that cannot be trusted ends its stream with an error,
 * because the records behind it depend on those before.
 */
#include <string.h>

#include "analyzer/trace.h"

#define CUT_SHORT   UINT64_MAX
#define WINDOW_READ (UINT64_MAX - 1)

/* Where the parts of a stream's file lie. */
struct stream_layout {
    uint32_t window, room, data;
};
static const struct stream_layout sync_layout = {TRACE_SYNC_WINDOW, TRACE_SYNC_ROOM,
                                                 TRACE_SYNC_OFFSET};
static const struct stream_layout access_layout = {TRACE_ACCESS_WINDOW, TRACE_ACCESS_ROOM,
                                                   TRACE_ACCESS_OFFSET};

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
                       struct stream_place *place, const char **error)
{
    for (;;) {
        struct trace_chunk_header chunk, window;
        const char *wrong = NULL;
        if (place->chunk_after == CUT_SHORT)
            *error = "chunk cut short";
        if (place->chunk_after >= WINDOW_READ)
            return false;
        bool last = chunk_read(blob, layout->window, layout->room, &window, &wrong);
        if (last && window.sequence == place->sequence) {
            chunk = window;
            place->window_goes = place->chunk_after;
            place->offset = layout->window;
            place->chunk_after = WINDOW_READ;
        } else {
            place->offset = place->chunk_after;
            bool found = chunk_read(blob, place->offset, TRACE_CHUNK_MAX, &chunk, error);
            if (!found && !*error)
                *error = wrong;
            if (!*error && (found ? chunk.sequence != place->sequence : last || place->sequence))
                *error = "a chunk is missing";
            if (!found || *error)
                return false;
            place->chunk_after = place->offset + chunk.size;
        }
        place->sequence++;
        place->offset += sizeof(chunk);
        place->chunk_end = place->offset + chunk.used;
        if (place->chunk_end > blob->size) { /* what is there is read, then it is an error */
            place->chunk_end = blob->size;
            place->chunk_after = CUT_SHORT;
        }
        if (place->chunk_end > place->offset) {
            place->bytes += place->chunk_end - place->offset;
            return true;
        }
    }
}

/* The chunk that was in the window may have grown there, or lie behind the others by now. */
static void place_resume(const struct trace_blob *blob, const struct stream_layout *layout,
                         struct stream_place *place, const char **error)
{
    struct trace_chunk_header chunk;
    if (place->chunk_after != WINDOW_READ) {
        if (place->chunk_end == 0)
            place->chunk_end = place->offset; /* looks for the next one again */
        return;
    }
    uint64_t done = place->offset - layout->window, begin = layout->window;
    uint64_t known = place->chunk_end ? place->chunk_end : place->offset;
    bool there = chunk_read(blob, begin, layout->room, &chunk, error);
    if (there && chunk.sequence + 1 != place->sequence) {
        begin = place->window_goes;
        there = chunk_read(blob, begin, TRACE_CHUNK_MAX, &chunk, error) &&
                chunk.sequence + 1 == place->sequence;
        place->chunk_after = begin + chunk.size;
    }
    if (!there || begin + sizeof(chunk) + chunk.used < begin + done) {
        if (!*error)
            *error = "a chunk is missing";
        return;
    }
    uint64_t end = begin + sizeof(chunk) + chunk.used;
    place->bytes += end - begin - (known - layout->window);
    place->offset = begin + done;
    place->chunk_end = end;
}

void sync_open(struct sync_cursor *cursor, const struct trace *trace, uint32_t stream)
{
    *cursor = (struct sync_cursor){.trace = trace,
                                   .stream = stream,
                                   .place = {.offset = TRACE_SYNC_OFFSET,
                                             .chunk_end = TRACE_SYNC_OFFSET,
                                             .chunk_after = TRACE_SYNC_OFFSET}};
}

void sync_resume(struct sync_cursor *cursor)
{
    if (!cursor->error)
        place_resume(&cursor->trace->sync[cursor->stream], &sync_layout, &cursor->place,
                     &cursor->error);
    if (cursor->error)
        cursor->error_offset = cursor->place.offset;
}

bool sync_next(struct sync_cursor *cursor, struct trace_sync *record)
{
    if (cursor->error || cursor->stream >= cursor->trace->stream_count)
        return false;
    const struct trace_blob *blob = &cursor->trace->sync[cursor->stream];
    if (cursor->place.offset >= cursor->place.chunk_end &&
        !chunk_next(blob, &sync_layout, &cursor->place, &cursor->error)) {
        cursor->place.chunk_end = 0;
        cursor->error_offset = cursor->place.offset;
        return false;
    }
    size_t size = trace_sync_get(&cursor->codec, blob->bytes + cursor->place.offset,
                                 blob->bytes + cursor->place.chunk_end, record, &cursor->error);
    if (size == 0) {
        cursor->error_offset = cursor->place.offset;
        return false;
    }
    cursor->place.offset += size;
    return true;
}

void access_open(struct access_cursor *cursor, const struct trace *trace, uint32_t stream)
{
    cursor->trace = trace;
    cursor->stream = stream;
    cursor->place.offset = cursor->place.chunk_end = cursor->place.chunk_after =
        TRACE_ACCESS_OFFSET;
}

void access_resume(struct access_cursor *cursor)
{
    const struct trace_blob *blob = &cursor->trace->access[cursor->stream];
    bool window = cursor->place.chunk_after == WINDOW_READ;
    if (!cursor->error)
        place_resume(blob, &access_layout, &cursor->place, &cursor->error);
    if (!cursor->error && window)
        cursor->place.offset -=
            trace_access_grown(&cursor->codec, blob->bytes[cursor->place.offset - 1]);
    if (cursor->error)
        cursor->error_offset = cursor->place.offset;
}

/* An access whose address or extent no program can have: damage that happens to decode. */
static inline const char *implausible(const struct trace_access *record)
{
    if (record->type == TRACE_ACCESS_LINE && record->run == 0)
        return record->address < TRACE_ADDRESS_MAX ? NULL : "line outside of any program's memory";
    switch ((enum trace_access_type)record->type) {
    case TRACE_ACCESS_LINE:
        if (record->address >= TRACE_ADDRESS_MAX)
            return "line outside of any program's memory";
        if (record->run > TRACE_RUN_MAX)
            return "run too long";
        if (record->stride < 0 ? record->run * 64 > record->address
                               : record->address + record->run * 64 >= TRACE_ADDRESS_MAX)
            return "run outside of any program's memory";
        return NULL;
    case TRACE_ACCESS_RANGE:
        if (record->size > TRACE_RANGE_MAX)
            return "range too large";
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
    case TRACE_ACCESS_TIME:
        return NULL;
    }
    return NULL;
}

/* What the recorder could still add to was made by the stream's last task, in its last segment. False if it cannot be. */
static bool unwritten(struct access_cursor *cursor, struct trace_access *record)
{
    record->type = TRACE_ACCESS_LINE;
    record->task = cursor->codec.task;
    record->segment = cursor->codec.segment;
    record->address &= ~UINT64_C(63);
    if (record->context > cursor->codec.context ||
        cursor->codec.context - record->context > TRACE_CONTEXT_WINDOW)
        cursor->error = "open entry with an unknown context";
    else if (record->mask == 0)
        cursor->error = "open entry with an empty run";
    else
        cursor->error = implausible(record);
    cursor->error_offset = cursor->place.offset;
    return !cursor->error;
}

/*
 * The open table, as LINE records. An entry stands for its run (lines before `line`, with run_mask)
 * and for `line` itself; they are one record where the masks are equal, else two: open_run says
 * that the run has been given out.
 */
static bool open_next(struct access_cursor *cursor, const struct trace_blob *blob,
                      struct trace_access *record)
{
    while (cursor->open_index < TRACE_OPEN_ENTRIES) {
        struct trace_open open;
        cursor->place.offset = TRACE_OPEN_OFFSET + cursor->open_index * sizeof(open);
        memcpy(&open, blob->bytes + cursor->place.offset, sizeof(open));
        if (open.mask == 0) {
            cursor->open_index++;
            continue;
        }
        uint64_t back = (uint64_t)open.run * 64;
        record->kind = open.kind;
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
        unwritten(cursor, record);
        return true;
    }
    return false;
}

/* The parked records, as far as the file has them. */
static bool parked_next(struct access_cursor *cursor, const struct trace_blob *blob,
                        struct trace_access *record)
{
    for (; cursor->parked_index < TRACE_PARK_ENTRIES; cursor->parked_index++) {
        struct trace_parked parked;
        uint64_t offset = TRACE_PARK_OFFSET + cursor->parked_index * sizeof(parked);
        if (blob->size < offset + sizeof(parked))
            return false;
        memcpy(&parked, blob->bytes + offset, sizeof(parked));
        if (parked.mask == 0)
            continue;
        cursor->place.offset = offset;
        record->kind = parked.kind;
        record->context = parked.context;
        record->pc = parked.pc;
        record->address = parked.line;
        record->mask = parked.mask;
        record->run = 0;
        record->stride = 1;
        cursor->parked_index++;
        unwritten(cursor, record);
        return true;
    }
    return false;
}

/* While the program runs, what was not written is of a later time than the chunks that were read. */
static bool unwritten_next(struct access_cursor *cursor, const struct trace_blob *blob,
                           struct trace_access *record)
{
    if (blob->size < TRACE_ACCESS_WINDOW || cursor->trace->live)
        return false;
    return (open_next(cursor, blob, record) || parked_next(cursor, blob, record)) && !cursor->error;
}

/* At the end of a chunk, or after damage. */
static __attribute__((noinline)) bool chunk_over(struct access_cursor *cursor,
                                                 struct trace_access *record, bool *open)
{
    *open = false;
    if (cursor->error || cursor->stream >= cursor->trace->stream_count)
        return false;
    const struct trace_blob *blob = &cursor->trace->access[cursor->stream];
    if (cursor->place.chunk_end == 0) {
        *open = true;
        return unwritten_next(cursor, blob, record);
    }
    if (chunk_next(blob, &access_layout, &cursor->place, &cursor->error))
        return true;
    cursor->place.chunk_end = 0;
    cursor->error_offset = cursor->place.offset;
    *open = true;
    return !cursor->error && unwritten_next(cursor, blob, record);
}

bool access_next(struct access_cursor *cursor, struct trace_access *record)
{
    struct stream_place *place = &cursor->place;
    if (place->offset >= place->chunk_end || cursor->error) {
        bool open, more = chunk_over(cursor, record, &open);
        if (open || !more)
            return more;
    }
    const uint8_t *bytes = cursor->trace->access[cursor->stream].bytes;
    size_t size = trace_access_get(&cursor->codec, bytes + place->offset, bytes + place->chunk_end,
                                   record, &cursor->error);
    if (!cursor->error)
        cursor->error = implausible(record);
    if (cursor->error) {
        cursor->error_offset = place->offset;
        return false;
    }
    place->offset += size;
    return true;
}

uint32_t access_lines(struct access_cursor *cursor, struct trace_line *lines, uint32_t room)
{
    struct stream_place *place = &cursor->place;
    uint32_t count;
    if (cursor->error || place->offset >= place->chunk_end)
        return 0;
    const uint8_t *bytes = cursor->trace->access[cursor->stream].bytes;
    place->offset =
        (uint64_t)(trace_lines_get(&cursor->codec, bytes + place->offset, bytes + place->chunk_end,
                                   TRACE_ADDRESS_MAX / 64, lines, room, &count) -
                   bytes);
    return count;
}
