/*
 * Streams: one window each, mapped for as long as the stream lives, that holds the chunk being written; a full one is
 * copied behind the chunks before it by one write(2), and used again. Mapping each chunk anew cost four to six times as
 * much (docs/design.md), and a window that stays the same stays in the cache. The window begins small and grows in place.
 * Before the trace is on disk (the process has one task) a stream has no file: its records go into one anonymous chunk.
 */
#include "shim/stream.h"

#include <errno.h>
#include <sys/mman.h>

#include "shim/apart.h"
#include "shim/banned.h"
#include "shim/directory.h"
#include "shim/options.h"
#include "shim/raw.h"
#include "shim/table.h"
#include "shim/volume.h"

#define FIRST_CHUNK TRACE_CHUNK_MIN

static uint32_t window_offset(const struct stream *stream)
{
    return stream->kind == TRACE_FILE_SYNC ? TRACE_SYNC_WINDOW : TRACE_ACCESS_WINDOW;
}

static uint32_t window_room(const struct stream *stream)
{
    return stream->kind == TRACE_FILE_SYNC ? TRACE_SYNC_ROOM : TRACE_ACCESS_ROOM;
}

static uint32_t data_offset(const struct stream *stream)
{
    return stream->kind == TRACE_FILE_SYNC ? TRACE_SYNC_OFFSET : TRACE_ACCESS_OFFSET;
}

static void stream_lose(struct stream *stream, int error)
{
    struct trace_process *process = process_record();
    uint64_t *lost = stream->kind == TRACE_FILE_SYNC ? &process->lost_sync : &process->lost_access;
    __atomic_fetch_add(lost, 1, __ATOMIC_RELAXED);
    if (error) {
        directory_lost(error);
        shim_off("the trace could not be written any further");
    }
}

void stream_setup(struct stream *stream, uint32_t kind, uint32_t index)
{
    *stream = (struct stream){.kind = kind, .index = index};
    stream->offset = data_offset(stream);
}

static int stream_file(const struct stream *stream, bool create)
{
    char name[32];
    size_t used = 0;
    raw_append(name, 32, &used, stream->kind == TRACE_FILE_SYNC ? "sync." : "access.");
    raw_append_number(name, 32, &used, stream->index);
    return directory_file(name, create);
}

struct change {
    struct stream *stream;
    int (*make)(struct stream *stream, int fd); /* 0 or -errno */
    bool create;
    int error;
};

static void change_file(void *data)
{
    struct change *change = data;
    int fd = stream_file(change->stream, change->create);
    change->error = fd < 0 ? fd : change->make(change->stream, fd);
    if (fd >= 0)
        raw1(SYS_close, fd);
}

static int stream_change(struct stream *stream, bool create,
                         int (*make)(struct stream *stream, int fd))
{
    struct change change = {.stream = stream, .make = make, .create = create};
    apart(change_file, &change);
    return change.error;
}

/* The stream's file, with its header and the window's first pages, exists from here on. The mapping has room for the
 * largest window; what is beyond the end of the file is not touched before it is reserved. */
static int header_map(struct stream *stream, int fd)
{
    int error = directory_reserve(fd, 0, window_offset(stream) + FIRST_CHUNK);
    if (error)
        return error;
    stream->header = raw_map(NULL, data_offset(stream), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!stream->header)
        return -ENOMEM;
    directory_header(stream->header, stream->kind, 0, stream->index);
    return 0;
}

static bool stream_create(struct stream *stream)
{
    int error = stream_change(stream, true, header_map);
    if (error)
        stream_lose(stream, -error);
    return !error;
}

static void chunk_use(struct stream *stream, struct trace_chunk_header *chunk, uint32_t size)
{
    chunk->size = size;
    stream->chunk = chunk;
    stream->next = (uint8_t *)(chunk + 1) + chunk->used;
    stream->limit = (uint8_t *)chunk + size - TRACE_RECORD_MAX + 1;
}

static void window_begin(struct stream *stream)
{
    struct trace_chunk_header *window =
        (struct trace_chunk_header *)((uint8_t *)stream->header + window_offset(stream));
    chunk_use(stream, window, FIRST_CHUNK);
    __asm__ volatile("" ::: "memory");
    window->magic = TRACE_CHUNK_MAGIC;
}

static int window_grow(struct stream *stream, int fd)
{
    uint32_t size = stream->chunk->size;
    int error = directory_reserve(fd, window_offset(stream) + size, size);
    if (!error)
        chunk_use(stream, stream->chunk, 2 * size);
    return error;
}

/* The window is full: its chunk goes behind the others, and it becomes the next one, empty. */
static int window_copy(struct stream *stream, int fd)
{
    struct trace_chunk_header *window = stream->chunk;
    int error = directory_write(fd, window, window->size, stream->offset);
    if (error)
        return error;
    stream->offset += window->size;
    uint64_t empty = (uint64_t)(window->sequence + 1) << 32; /* `used` 0 */
    __atomic_store_n((uint64_t *)(void *)&window->used, empty, __ATOMIC_RELEASE);
    stream->next = (uint8_t *)(window + 1);
    return 0;
}

static bool window_advance(struct stream *stream)
{
    uint32_t size = stream->chunk->size;
    bool full = size == window_room(stream);
    uint64_t limit = shim_options.max_access_bytes;
    if (full && stream->kind == TRACE_FILE_ACCESS && limit && stream->offset + size > limit) {
        stream_lose(stream, 0);
        return false;
    }
    int error = stream_change(stream, false, full ? window_copy : window_grow);
    if (error)
        stream_lose(stream, -error);
    else if (full)
        volume_check(stream->kind == TRACE_FILE_ACCESS);
    return !error && shim_state != SHIM_OFF;
}

/* An anonymous stream whose trace has gone to disk must follow at once: called when the trace is activated. */
bool stream_follow(struct stream *stream)
{
    if (!stream->anonymous || !directory_active)
        return true;
    struct trace_chunk_header *old = stream->chunk;
    stream->anonymous = false;
    if (!stream->header && !stream_create(stream))
        return false;
    window_begin(stream);
    raw_copy(stream->next, old + 1, old->used);
    stream->next += old->used;
    __asm__ volatile("" ::: "memory");
    stream->chunk->used = old->used;
    raw2(SYS_munmap, old, FIRST_CHUNK);
    return true;
}

uint8_t *stream_open_chunk(struct stream *stream)
{
    if (shim_state == SHIM_OFF)
        return NULL;
    if (!directory_active) {
        if (!stream->chunk) {
            void *memory = raw_map(NULL, FIRST_CHUNK, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (!memory)
                return NULL;
            stream->anonymous = true;
            chunk_use(stream, memory, FIRST_CHUNK);
            return stream->next;
        }
        directory_activate();
        if (!directory_active || shim_state == SHIM_OFF)
            return NULL;
    }
    if (!stream_follow(stream))
        return NULL;
    if (!stream->chunk) {
        if (!stream->header && !stream_create(stream))
            return NULL;
        window_begin(stream);
    }
    if (stream->next < stream->limit)
        return stream->next;
    return window_advance(stream) ? stream->next : NULL;
}

void sync_switch(struct thread *thread)
{
    uint8_t *p = stream_begin(&thread->sync);
    if (!p)
        return;
    struct trace_sync record;
    record.type = TRACE_SYNC_SWITCH;
    record.task = thread->task;
    record.segment = thread->segment;
    stream_commit(&thread->sync, trace_sync_put(&thread->sync_codec, p, &record));
}

void stream_abandon(struct stream *stream)
{
    if (stream->anonymous)
        raw2(SYS_munmap, stream->chunk, FIRST_CHUNK);
    if (stream->header)
        raw2(SYS_munmap, stream->header, data_offset(stream));
    stream_setup(stream, stream->kind, stream->index);
}

struct trace_open *stream_open_table(struct stream *stream)
{
    if (!directory_active)
        directory_activate();
    if (!directory_active || shim_state == SHIM_OFF)
        return NULL;
    if (!stream->header && !stream_create(stream))
        return NULL;
    return (struct trace_open *)((uint8_t *)stream->header + TRACE_OPEN_OFFSET);
}

static int park_reserve(struct stream *stream, int fd)
{
    (void)stream;
    return directory_reserve(fd, TRACE_PARK_OFFSET,
                             TRACE_PARK_ENTRIES * sizeof(struct trace_parked));
}

struct trace_parked *stream_park(struct stream *stream)
{
    if (!stream->header || stream_change(stream, false, park_reserve) != 0)
        return NULL;
    return (struct trace_parked *)((uint8_t *)stream->header + TRACE_PARK_OFFSET);
}
