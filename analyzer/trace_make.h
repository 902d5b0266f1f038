/*
 * Makes traces for tests and benches: a directory with tables and streams, written with the codec
 * as a recorder would.
 */
#ifndef ANALYZER_TRACE_MAKE_H
#define ANALYZER_TRACE_MAKE_H

#include "trace/codec.h"
#include "trace/format.h"

struct make_stream {
    uint8_t *bytes; /* chunks */
    size_t size, capacity;
    size_t chunk; /* offset of the open chunk */
    uint32_t sequence;
};

struct trace_make {
    char path[256];
    uint32_t chunk_size; /* 65536; smaller for small traces */
    struct trace_process process;
    struct trace_task tasks[64]; /* [1..]: for more, set more_tasks */
    uint32_t more_tasks;         /* tasks beyond 63, ended ones without properties */
    struct trace_object objects[64];
    struct trace_module modules[8];
    uint64_t stacks[4096];
    uint32_t stack_words;
    struct make_stream sync[64], access[64];
    struct trace_sync_codec sync_codec[64];
    struct trace_access_codec access_codec[64];
    struct trace_open open[64][TRACE_OPEN_ENTRIES];
    struct trace_parked parked[64][8]; /* the first ones */
};

/* A new directory below the place for temporary files; main task and nothing else. */
struct trace_make *trace_make_new(void);
/* Removes the directory too. */
void trace_make_free(struct trace_make *make);
/* Writes all files. May be called again after more was added. */
void trace_make_write(struct trace_make *make);

uint32_t make_task(struct trace_make *make, uint32_t parent, const char *name);
uint32_t make_object(struct trace_make *make, enum trace_object_kind kind, uint64_t address);
uint32_t make_stack(struct trace_make *make, const uint64_t *pcs, uint32_t count);
/* Puts a record into stream `stream`, as it is. */
void make_sync(struct trace_make *make, uint32_t stream, const struct trace_sync *record);
void make_access(struct trace_make *make, uint32_t stream, const struct trace_access *record);

/* The usual records. */
void make_switch(struct trace_make *make, uint32_t stream, uint32_t task, uint64_t segment);
void make_segment(struct trace_make *make, uint32_t stream, uint64_t segment); /* of the accesses */
void make_time(struct trace_make *make, uint32_t stream, uint64_t tsc);
void make_edge(struct trace_make *make, uint32_t stream, uint64_t segment, uint32_t from,
               uint64_t from_segment, uint32_t object);
void make_line(struct trace_make *make, uint32_t stream, uint32_t kind, uint64_t pc,
               uint64_t address, uint64_t mask);
void make_block(struct trace_make *make, uint32_t stream, enum trace_access_type type,
                enum trace_alloc kind, uint64_t address, uint64_t size, uint64_t tsc);

#endif
