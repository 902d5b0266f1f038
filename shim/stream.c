/*
 * Chunks: reserved on disk, mapped, filled by their one writer, unmapped when full. Before the trace is on disk (the
 * process has one task) a stream has no file: its records go into one anonymous chunk, which is copied to the file first.
 */
#include "shim/stream.h"

#include <sys/mman.h>

#include "shim/banned.h"
#include "shim/directory.h"
#include "shim/options.h"
#include "shim/raw.h"
#include "shim/table.h"

#define FIRST_CHUNK TRACE_CHUNK_MIN
#define SYNC_CHUNK  (16u << 10) /* largest chunk of a sync stream */
#define ACCESS_CHUNK \
    (64u << 10) /* ... of an access stream: 15 us to change chunks against 15,000 records */

static void stream_name(const struct stream *stream, char name[32])
{
    size_t used = 0;
    raw_append(name, 32, &used, stream->kind == TRACE_FILE_SYNC ? "sync." : "access.");
    raw_append_number(name, 32, &used, stream->index);
}

static void stream_lose(struct stream *stream, int error)
{
    struct trace_process *process = process_record();
    uint64_t *lost = stream->kind == TRACE_FILE_SYNC ? &process->lost_sync : &process->lost_access;
    __atomic_fetch_add(lost, 1, __ATOMIC_RELAXED);
    stream->lost++;
    if (error) {
        directory_lost(error);
        shim_off("the trace could not be written any further");
    }
}

void stream_setup(struct stream *stream, uint32_t kind, uint32_t index)
{
    *stream = (struct stream){.kind = kind, .index = index, .chunk_size = FIRST_CHUNK};
    stream->offset = kind == TRACE_FILE_SYNC ? TRACE_TABLE_OFFSET : TRACE_ACCESS_OFFSET;
}

/* Maps the header page(s) and writes the header: the stream's file exists from here on. */
static int stream_create(struct stream *stream)
{
    char name[32];
    stream_name(stream, name);
    int fd = directory_file(name, true);
    if (fd < 0)
        return fd;
    size_t size = stream->kind == TRACE_FILE_SYNC ? TRACE_TABLE_OFFSET : TRACE_ACCESS_OFFSET;
    int error = directory_reserve(fd, 0, size);
    if (!error) {
        stream->header = raw_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (stream->header)
            directory_header(stream->header, stream->kind, 0, stream->index);
        else
            error = -12;
    }
    if (error) {
        raw1(SYS_close, fd);
        return error;
    }
    return fd;
}

static int stream_reopen(struct stream *stream)
{
    if (!stream->header)
        return stream_create(stream);
    char name[32];
    stream_name(stream, name);
    return directory_file(name, false);
}

static struct trace_chunk_header *chunk_map(struct stream *stream, uint32_t size)
{
    int fd = stream_reopen(stream);
    if (fd < 0) {
        stream_lose(stream, -fd);
        return NULL;
    }
    int error = directory_reserve(fd, stream->offset, size);
    struct trace_chunk_header *chunk = NULL;
    if (!error)
        chunk = raw_map(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                        stream->offset);
    raw1(SYS_close, fd);
    if (!chunk)
        stream_lose(stream, -error);
    return chunk;
}

static bool chunk_begin(struct stream *stream, struct trace_chunk_header *chunk, uint32_t size)
{
    if (!chunk)
        return false;
    chunk->size = size;
    chunk->used = 0;
    chunk->sequence = stream->sequence++;
    __asm__ volatile("" ::: "memory");
    chunk->magic = TRACE_CHUNK_MAGIC;
    stream->chunk = chunk;
    stream->next = (uint8_t *)(chunk + 1);
    stream->limit = (uint8_t *)chunk + size;
    return true;
}

/* The anonymous first chunk becomes the first chunk of the file. */
static bool stream_land(struct stream *stream)
{
    struct trace_chunk_header *old = stream->chunk;
    uint32_t used = old->used;
    stream->anonymous = false;
    struct trace_chunk_header *chunk = chunk_map(stream, old->size);
    if (!chunk)
        return false;
    stream->sequence = 0;
    chunk_begin(stream, chunk, old->size);
    raw_copy(chunk + 1, old + 1, used);
    stream->next += used;
    chunk->used = used;
    raw2(SYS_munmap, old, old->size);
    return true;
}

/* An anonymous stream whose trace has gone to disk must follow at once: called when the trace is activated. */
bool stream_follow(struct stream *stream)
{
    if (!stream->anonymous || !directory_active)
        return true;
    if (!stream_land(stream))
        return false;
    stream->offset += stream->chunk->size;
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
            stream->anonymous = true;
            return chunk_begin(stream, memory, FIRST_CHUNK) ? stream->next : NULL;
        }
        directory_activate();
        if (!directory_active || shim_state == SHIM_OFF)
            return NULL;
    }
    if (!stream_follow(stream))
        return NULL;
    if (stream->next && (size_t)(stream->limit - stream->next) >= TRACE_RECORD_MAX)
        return stream->next;
    uint32_t largest = stream->kind == TRACE_FILE_SYNC ? SYNC_CHUNK : ACCESS_CHUNK;
    uint32_t size = stream->chunk_size;
    uint64_t limit = shim_options.max_access_bytes;
    if (stream->kind == TRACE_FILE_ACCESS && limit && stream->offset + size > limit) {
        stream_lose(stream, 0);
        return NULL;
    }
    struct trace_chunk_header *chunk = chunk_map(stream, size);
    if (!chunk)
        return NULL; /* the old chunk stays: it is full, so every call comes here and counts what is lost */
    if (stream->chunk)
        raw2(SYS_munmap, stream->chunk, stream->chunk->size);
    chunk_begin(stream, chunk, size);
    stream->offset += size;
    stream->chunk_size = size * 2 <= largest ? size * 2 : largest;
    return stream->next;
}

void stream_abandon(struct stream *stream)
{
    if (stream->chunk)
        raw2(SYS_munmap, stream->chunk, stream->chunk->size);
    if (stream->header)
        raw2(SYS_munmap, stream->header,
             stream->kind == TRACE_FILE_SYNC ? TRACE_TABLE_OFFSET : TRACE_ACCESS_OFFSET);
    stream_setup(stream, stream->kind, stream->index);
}

struct trace_open *stream_open_table(struct stream *stream)
{
    if (!directory_active)
        directory_activate();
    if (!directory_active || shim_state == SHIM_OFF)
        return NULL;
    if (!stream->header) {
        int fd = stream_create(stream);
        if (fd < 0) {
            stream_lose(stream, -fd);
            return NULL;
        }
        raw1(SYS_close, fd);
    }
    return (struct trace_open *)((uint8_t *)stream->header + TRACE_OPEN_OFFSET);
}
