/*
 * The bytes of the streams, written and read side by side: the only place that knows them. No allocation, no I/O, no
 * globals; thread-safe as long as each codec is used by one thread; async-signal-safe.
 *
 * A codec's state is the same on both sides and begins zeroed; the writer and the reader pass it the same records in
 * the same order. A put function writes at most TRACE_RECORD_MAX bytes and returns the end of what it wrote. A get
 * function returns the number of bytes of the record at `p`, or 0 with *error set to a static text if the bytes before
 * `end` are no complete valid record; it never reads at or beyond `end`.
 */
#ifndef TRACE_CODEC_H
#define TRACE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "trace/format.h"

struct trace_sync_codec {
    uint32_t task;
    uint64_t segment;
    uint64_t pc;
};

uint8_t *trace_sync_put(struct trace_sync_codec *codec, uint8_t *p,
                        const struct trace_sync *record);
size_t trace_sync_get(struct trace_sync_codec *codec, const uint8_t *p, const uint8_t *end,
                      struct trace_sync *record, const char **error);

/* One entry of a stream's dictionary of sites: an access instruction, and the last line and mask it was seen with. */
struct trace_site {
    uint64_t pc;
    uint64_t line; /* line number: address / 64 */
    uint64_t mask;
    uint16_t next; /* the entry used after this one, last time */
    uint8_t kind;
    uint8_t used;
};

#define TRACE_SITE_PLACES (1u << 14)

#define TRACE_MASKS       240u

struct trace_access_codec {
    uint32_t task;
    uint32_t context;      /* number of the present context */
    uint32_t line_context; /* ... and of the one that the record before belongs to */
    uint64_t segment;
    uint64_t line;    /* line number of the record before */
    uint64_t pc;      /* last pc written out */
    uint64_t address; /* last address of a RANGE, ALLOC, FREE */
    uint64_t tsc;
    uint16_t site; /* dictionary entry used last */
    uint16_t
        site_new; /* the entry that the next new site takes: in turn, so that few sites take few bytes, and pages */
    uint64_t masks[TRACE_MASKS];
    struct trace_site sites[TRACE_SITES];
    uint16_t places
        [TRACE_SITE_PLACES]; /* the writer's: number of an entry + 1, by hash of the site, two for each */
};

/* `record->task` and `segment` are used by SWITCH and SEGMENT only; the others are of the present. */
uint8_t *trace_access_put(struct trace_access_codec *codec, uint8_t *p,
                          const struct trace_access *record);

/* A LINE record: `mask` (not 0) of the line at `address` (a multiple of 64) and of `run` further lines, each `stride`
 * (1 or -1) lines on from the last. `context`: its number, at most TRACE_CONTEXT_WINDOW before the present one. */
uint8_t *trace_line_put(struct trace_access_codec *codec, uint8_t *p, uint8_t kind, uint64_t pc,
                        uint64_t address, uint64_t mask, uint32_t context, uint32_t run,
                        int stride);

/* Fills only the members that the record's type has (see struct trace_access), and task, segment, context always. */
size_t trace_access_get(struct trace_access_codec *codec, const uint8_t *p, const uint8_t *end,
                        struct trace_access *record, const char **error);

/* A LINE record of one line, as trace_lines_get gives it. */
struct trace_line {
    uint64_t line, mask;
    uint32_t context;
    uint16_t site; /* entry of the dictionary, which has the pc until more is read */
    uint8_t kind;
};

/* Reads as many LINE records of one line, below `limit`, as are the usual ones, at most `room`; returns the end of what it
 * read. None does not mean that there is none: what follows is read by trace_access_get. */
const uint8_t *trace_lines_get(struct trace_access_codec *codec, const uint8_t *p,
                               const uint8_t *end, uint64_t limit, struct trace_line *lines,
                               uint32_t room, uint32_t *count);

#endif
