/*
 * A trace opened for reading: the table files mapped and checked, the streams as cursors. Nothing
 * here knows what a bug is. Every malformed input becomes a problem (file, offset, what) and
 * reading goes on with what is whole; only a directory that is no trace at all fails trace_open.
 *
 * Ownership: a struct trace owns everything reached through it until trace_close. Thread-safety:
 * after trace_open all functions that take a const struct trace may run concurrently; each cursor
 * belongs to one thread.
 */
#ifndef ANALYZER_TRACE_H
#define ANALYZER_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "trace/codec.h"
#include "trace/format.h"
#include "trace/primitives.h"

struct problem {
    char *file; /* name within the trace directory */
    uint64_t offset;
    char *text;
};

struct trace_blob { /* one mapped file */
    const uint8_t *bytes;
    uint64_t size;
};

struct trace {
    char *path;
    struct trace_process process; /* a checked copy: strings are terminated */
    struct trace_task *
        tasks; /* copies, checked: [0..task_count), slot 0 unused; names terminated, counts in range */
    uint32_t task_count;
    struct trace_object *objects;
    uint32_t object_count;
    struct trace_module *modules;
    uint32_t module_count;
    struct trace_blob stacks;
    struct trace_blob *sync, *access; /* [stream_count]; size 0: no such file */
    uint32_t stream_count;
    struct problem *problems;
    uint32_t problem_count;
    bool live;     /* the process was still running when the trace was opened */
    bool complete; /* it ended in an orderly way, nothing was lost and no problem was met */
};

/* NULL with *error (malloc'd, one line, names the file) if `path` is no trace. */
struct trace *trace_open(const char *path, char **error);
/* The same without the streams (stream_count 0): for looking at a process that still runs. */
struct trace *trace_open_tables(const char *path, char **error);
void trace_close(struct trace *trace);
void trace_problem(struct trace *trace, const char *file, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Task and object by id; NULL if the id names no slot that was written, or an object whose slot is another's by now. */
const struct trace_task *trace_task(const struct trace *trace, uint32_t id);
const struct trace_object *trace_object(const struct trace *trace, uint32_t id);
/* Frames of a stack id, innermost first; NULL and *count 0 for id 0 or a bad id. */
const uint64_t *trace_stack(const struct trace *trace, uint32_t id, uint32_t *count);
/* The module that held `pc` (at time `tsc`, 0 any), or NULL. */
const struct trace_module *trace_module_at(const struct trace *trace, uint64_t pc, uint64_t tsc);
/* Nanoseconds from the start of the trace to `tsc`. */
uint64_t trace_ns(const struct trace *trace, uint64_t tsc);

struct stream_place {     /* how far a stream has been read */
    uint64_t offset;      /* in the file */
    uint64_t chunk_end;   /* 0: no more chunks */
    uint64_t chunk_after; /* the next chunk */
    uint64_t window_goes; /* where the chunk in the window will be when it is full */
    uint64_t bytes;       /* of records, in the chunks met so far */
    uint32_t sequence;
};

/* Up to where the file is not needed to read on. */
static inline uint64_t stream_place_needs(const struct stream_place *place, uint64_t data_offset)
{
    return place->offset >= data_offset ? place->offset : place->window_goes;
}

struct sync_cursor {
    const struct trace *trace;
    uint32_t stream;
    struct stream_place place;
    struct trace_sync_codec codec;
    const char *error; /* set when the stream is cut short by damage */
    uint64_t error_offset;
    bool told;
};
void sync_open(struct sync_cursor *cursor, const struct trace *trace, uint32_t stream);
/* Goes on behind the last record read, though the trace was mapped anew since (trace_follow). */
void sync_resume(struct sync_cursor *cursor);
/* false at the end, and when the rest cannot be read (then ->error is set). */
bool sync_next(struct sync_cursor *cursor, struct trace_sync *record);

/* What a plausible record may cover: the address space of a program. */
#define TRACE_ADDRESS_MAX (UINT64_C(1) << 57)

struct access_cursor {
    const struct trace *trace;
    uint32_t stream;
    struct stream_place place;
    uint32_t open_index; /* TRACE_OPEN_ENTRIES: the open table is done */
    bool open_run;
    uint32_t parked_index;
    struct trace_access_codec codec;
    const char *error;
    uint64_t error_offset;
};
/* In memory that is all 0, and stays so where nothing is known yet: most streams use little of their codec. */
void access_open(struct access_cursor *cursor, const struct trace *trace, uint32_t stream);
void access_resume(struct access_cursor *cursor);
/* After the last chunk the entries of the open table and the parked follow, as LINE records. */
bool access_next(struct access_cursor *cursor, struct trace_access *record);
/* Reads LINE records of one line as long as there are only such, at most `room`. They are of the task, segment and
 * present context that the codec has. 0: access_next tells what follows. */
uint32_t access_lines(struct access_cursor *cursor, struct trace_line *lines, uint32_t room);

#endif
