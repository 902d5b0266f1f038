/*
 * Following a trace: see follow.h. A stream whose window has not changed is not mapped again.
 * Invariant: a problem that only comes from reading a table while it is being changed is forgotten;
 * those of the last reading, when nothing changes any more, stay.
 */
#include "analyzer/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyzer/memory.h"
#include "analyzer/trace_file.h"

static_assert(TRACE_CHUNK_MAX < 1u << 24, "changed()");

#define PROCESS_BYTES (2u * TRACE_TABLE_OFFSET)

static void *grow(void *array, uint32_t old_count, uint32_t count, size_t size)
{
    char *larger = memory_resize(array, count, size);
    memset(larger + old_count * size, 0, (count - old_count) * size);
    return larger;
}

static void map_process(struct follow *follow)
{
    static_assert(TRACE_TABLE_OFFSET + sizeof(struct trace_process) <= PROCESS_BYTES, "one slot");
    int fd = openat(follow->directory, "process", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    void *map = size >= (off_t)PROCESS_BYTES
                    ? mmap(NULL, PROCESS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                    : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        return;
    void *slot = (char *)map + TRACE_TABLE_OFFSET;
    follow->process = slot;
}

struct follow *follow_open(const char *path, bool keep, char **error)
{
    struct trace *trace = trace_open_tables(path, error);
    if (!trace)
        return NULL;
    struct follow *follow = memory_get(1, sizeof(*follow));
    follow->trace = trace;
    follow->directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    follow->keeps = keep;
    trace->live = true;
    if (follow->directory >= 0)
        map_process(follow);
    if (!follow->process)
        follow->keeps = true; /* the recorder would not learn of it */
    else if (!follow->keeps)
        __atomic_store_n(&follow->process->reader, (uint32_t)getpid(), __ATOMIC_RELAXED);
    return follow;
}

/* Whether the window says anything new. */
static bool changed(const struct follow *follow, bool sync, uint32_t index)
{
    char name[32];
    struct trace_chunk_header window = {.magic = 0};
    snprintf(name, sizeof(name), sync ? "sync.%u" : "access.%u", index);
    int fd = openat(follow->directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    off_t at = sync ? TRACE_SYNC_WINDOW : TRACE_ACCESS_WINDOW;
    uint8_t last = 0; /* of the records: may be a count that goes up */
    ssize_t size = pread(fd, &window, sizeof(window), at);
    if (!sync && window.used &&
        pread(fd, &last, 1, at + (off_t)sizeof(window) + window.used - 1) != 1)
        last = 0;
    close(fd);
    uint64_t now = (uint64_t)window.sequence << 32 | (uint32_t)(window.used << 8) | last, *seen;
    seen = sync ? &follow->sync_seen[index] : &follow->access_seen[index];
    if (size != (ssize_t)sizeof(window) || window.magic != TRACE_CHUNK_MAGIC || now == *seen)
        return false;
    *seen = now;
    return true;
}

static void read_streams(struct follow *follow, bool sync)
{
    struct trace *trace = follow->trace;
    for (uint32_t i = 0; i < trace->stream_count; i++) {
        if (trace->live && !changed(follow, sync, i))
            continue;
        trace_unmap(sync ? &trace->sync[i] : &trace->access[i]);
        trace_read_stream(trace, follow->directory, sync ? TRACE_FILE_SYNC : TRACE_FILE_ACCESS, i);
    }
}

static void read_all(struct follow *follow)
{
    struct trace *trace = follow->trace;
    uint32_t old = trace->stream_count, count = trace_count_streams(trace, follow->directory);
    if (count > old) {
        trace->sync = grow(trace->sync, old, count, sizeof(*trace->sync));
        trace->access = grow(trace->access, old, count, sizeof(*trace->access));
        follow->sync_seen = grow(follow->sync_seen, old, count, sizeof(uint64_t));
        follow->access_seen = grow(follow->access_seen, old, count, sizeof(uint64_t));
        follow->sync_gone = grow(follow->sync_gone, old, count, sizeof(uint64_t));
        follow->access_gone = grow(follow->access_gone, old, count, sizeof(uint64_t));
        trace->stream_count = follow->seen_count = count;
    }
    read_streams(follow, false);
    read_streams(follow, true);
    trace_read_tables(trace, follow->directory);
}

void follow_advance(struct follow *follow)
{
    struct trace *trace = follow->trace;
    uint32_t problems = trace->problem_count;
    bool complete = trace->complete;
    read_all(follow);
    while (trace->problem_count > problems) {
        struct problem *problem = &trace->problems[--trace->problem_count];
        free(problem->file);
        free(problem->text);
    }
    trace->complete = complete;
}

void follow_finish(struct follow *follow)
{
    char *error = NULL;
    struct trace *trace = follow->trace;
    trace->complete = true;
    if (!trace_read_process(trace, follow->directory, &error))
        trace_problem(trace, "process", 0, "%s", error);
    free(error);
    read_all(follow);
    trace_judge(trace);
    for (uint32_t i = 0; i < trace->problem_count; i++)
        trace->complete = false;
}

void follow_give_back(struct follow *follow, enum trace_file_kind kind, uint32_t stream,
                      uint64_t offset)
{
    bool sync = kind == TRACE_FILE_SYNC;
    uint64_t *gone = sync ? &follow->sync_gone[stream] : &follow->access_gone[stream];
    uint64_t from = *gone ? *gone : sync ? TRACE_SYNC_OFFSET : TRACE_ACCESS_OFFSET;
    uint64_t to = offset / 4096 * 4096;
    char name[32];
    if (follow->keeps || to <= from)
        return;
    snprintf(name, sizeof(name), sync ? "sync.%u" : "access.%u", stream);
    int fd = openat(follow->directory, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    int error =
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from));
    close(fd);
    if (error) { /* a file system that cannot: what is there stays, up to max_disk */
        follow->keeps = true;
        __atomic_store_n(&follow->process->reader, 0, __ATOMIC_RELAXED);
        return;
    }
    *gone = to;
    __atomic_fetch_add(&follow->process->digested, to - from, __ATOMIC_RELAXED);
}

struct trace *follow_close(struct follow *follow)
{
    struct trace *trace = follow->trace;
    if (follow->process) {
        void *map = (char *)follow->process - TRACE_TABLE_OFFSET;
        munmap(map, PROCESS_BYTES);
    }
    if (follow->directory >= 0)
        close(follow->directory);
    free(follow->access_seen);
    free(follow->sync_seen);
    free(follow->access_gone);
    free(follow->sync_gone);
    free(follow);
    return trace;
}
