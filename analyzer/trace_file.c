/*
 * The files of a trace: opened, mapped, their headers checked; streams as they are at one moment,
 * whoever goes on writing them. Invariant: what cannot be used is a problem of the trace and a blob
 * of no bytes.
 */
#include "analyzer/trace_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/memory.h"

static int open_file(struct trace *trace, int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        if (errno != ENOENT)
            trace_problem(trace, name, 0, "cannot be opened: %s", strerror(errno));
        return -1;
    }
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        trace_problem(trace, name, 0, "is no regular file");
        close(fd);
        return -1;
    }
    return fd;
}

/* Maps an open file, which may have grown since it was opened; an empty one is like none. */
static bool map_open(struct trace *trace, int fd, const char *name, int protection,
                     struct trace_blob *blob)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size == 0)
        return false;
    void *bytes = mmap(NULL, (size_t)status.st_size, protection, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        trace_problem(trace, name, 0, "cannot be mapped: %s", strerror(errno));
    else
        *blob = (struct trace_blob){bytes, (uint64_t)status.st_size};
    return bytes != MAP_FAILED;
}

/* Maps a file of the trace; false if there is none (absent: no problem) or it cannot be used (a
 * problem). */
bool trace_map_file(struct trace *trace, int directory, const char *name, struct trace_blob *blob)
{
    *blob = (struct trace_blob){NULL, 0};
    int fd = open_file(trace, directory, name);
    bool mapped = fd >= 0 && map_open(trace, fd, name, PROT_READ, blob);
    if (fd >= 0)
        close(fd);
    return mapped;
}

/* The window of a stream as it is at one moment, though its writer goes on: until a copy of it is of one chunk. */
static bool copy_window(int fd, uint64_t offset, uint8_t *window, size_t room)
{
    struct trace_chunk_header before, after;
    for (unsigned tries = 0; tries < 1000; tries++) {
        if (pread(fd, &before, sizeof(before), (off_t)offset) != sizeof(before))
            return false;
        ssize_t size = pread(fd, window, room, (off_t)offset);
        if (size < (ssize_t)sizeof(before) ||
            pread(fd, &after, sizeof(after), (off_t)offset) != sizeof(after))
            return false;
        if (before.sequence == after.sequence && before.used <= after.used) {
            memcpy(window, &before, sizeof(before));
            return true;
        }
    }
    return false;
}

/* The same as map_file for a stream that is being written: its window is copied into the mapping, the chunks before it
 * do not change any more. */
static bool map_stream(struct trace *trace, int directory, const char *name,
                       struct trace_blob *blob, uint64_t window, uint64_t data)
{
    *blob = (struct trace_blob){NULL, 0};
    int fd = open_file(trace, directory, name);
    uint8_t *copy = memory_get(data - window, 1);
    bool good = fd >= 0 && copy_window(fd, window, copy, data - window);
    bool mapped = fd >= 0 && map_open(trace, fd, name, PROT_READ | PROT_WRITE, blob);
    if (mapped && blob->size > window) {
        union {
            const uint8_t *bytes;
            uint8_t *memory;
        } mapping = {blob->bytes};
        if (!good)
            memset(copy, 0, data - window);
        memcpy(mapping.memory + window, copy,
               blob->size < data ? blob->size - window : data - window);
    }
    free(copy);
    if (fd >= 0)
        close(fd);
    return mapped;
}

void trace_unmap(struct trace_blob *blob)
{
    union {
        const uint8_t *bytes;
        void *memory;
    } mapped = {blob->bytes};
    if (mapped.bytes)
        munmap(mapped.memory, blob->size);
    *blob = (struct trace_blob){NULL, 0};
}

/* The process was killed when the file had been reserved and its header not yet been written: nothing is missing. */
static bool never_begun(const struct trace *trace, const struct trace_blob *blob)
{
    static const struct trace_file_header none;
    return trace->process.pid && trace->process.end == TRACE_END_NONE &&
           blob->size >= sizeof(none) && !memcmp(blob->bytes, &none, sizeof(none));
}

/* Checks a file's header; on damage reports it, lets go of the file and returns false. */
bool trace_check_header(struct trace *trace, const char *name, struct trace_blob *blob,
                        enum trace_file_kind kind, uint32_t slot_size, uint32_t data_offset)
{
    const char *wrong = NULL;
    struct trace_file_header header;
    if (never_begun(trace, blob)) {
        trace_unmap(blob);
        return false;
    }
    if (blob->size < sizeof(header)) {
        wrong = "too short for a file header";
    } else {
        memcpy(&header, blob->bytes, sizeof(header));
        if (header.magic != TRACE_MAGIC)
            wrong = "no trace file (wrong magic number)";
        else if (header.version != TRACE_VERSION)
            wrong = "written by another version of the recorder";
        else if (header.kind != kind)
            wrong = "another kind of trace file than its name says";
        else if (header.slot_size != slot_size || header.data_offset != data_offset)
            wrong = "a layout that this version does not know";
        else if (trace->process.pid != 0 && header.start_ns != trace->process.start_ns)
            wrong = "belongs to another run";
    }
    if (!wrong)
        return true;
    trace_problem(trace, name, 0, "%s", wrong);
    trace_unmap(blob);
    return false;
}

/* ---- streams ---- */

/* The N of "sync.N" or "access.N", as the recorder writes it; -1 for any other name. */
static long stream_number(const char *name)
{
    const char *digits = strncmp(name, "sync.", 5) == 0     ? name + 5
                         : strncmp(name, "access.", 7) == 0 ? name + 7
                                                            : "";
    size_t length = strspn(digits, "0123456789");
    if (length == 0 || length > 7 || digits[length] || (digits[0] == '0' && length > 1))
        return -1;
    return strtol(digits, NULL, 10);
}

/* How many streams there are: what the directory holds counts, not what the process file says,
 * which a killed process had no time to bring up to date. */
uint32_t trace_count_streams(struct trace *trace, int directory)
{
    uint32_t count = 0;
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    if (!listing) {
        trace_problem(trace, ".", 0, "cannot be listed: %s", strerror(errno));
        return trace->process.streams < 64 ? trace->process.streams : 64;
    }
    for (struct dirent *entry; (entry = readdir(listing));) {
        long number = stream_number(entry->d_name);
        if (number >= (long)STREAMS_MAX)
            trace_problem(trace, entry->d_name, 0, "no stream has this number");
        else if (number >= (long)count)
            count = (uint32_t)number + 1;
    }
    closedir(listing);
    return count;
}

void trace_read_stream(struct trace *trace, int directory, enum trace_file_kind kind,
                       uint32_t index)
{
    bool sync = kind == TRACE_FILE_SYNC;
    struct trace_blob *blob = sync ? &trace->sync[index] : &trace->access[index];
    uint32_t window = sync ? TRACE_SYNC_WINDOW : TRACE_ACCESS_WINDOW,
             room = sync ? TRACE_SYNC_ROOM : TRACE_ACCESS_ROOM,
             data = sync ? TRACE_SYNC_OFFSET : TRACE_ACCESS_OFFSET;
    char name[32];
    snprintf(name, sizeof(name), sync ? "sync.%u" : "access.%u", index);
    if (trace->live ? map_stream(trace, directory, name, blob, window, window + room)
                    : trace_map_file(trace, directory, name, blob))
        trace_check_header(trace, name, blob, kind, 0, data);
}
