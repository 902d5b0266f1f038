/*
 * The bytes of the streams, written and read side by side: the only place that knows them. No allocation, no I/O, no
 * globals; thread-safe as long as each codec is used by one thread; async-signal-safe.
 *
 * A codec's state is the same on both sides and begins zeroed; the writer and the reader pass it the same records in
 * the same order. A put function writes at most TRACE_RECORD_MAX bytes and returns the end of what it wrote. A get
 * function returns the number of bytes of the record at `p`, or 0 with *error set to a static text if the bytes before
 * `end` are no complete valid record; it never reads at or beyond `end`. The byte before `p` may be a count that a put
 * function raises, if it is the end of what the last one wrote.
 */
#ifndef TRACE_CODEC_H
#define TRACE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/format.h"

/*
 * A byte that no program can have. An atomic store of it says that from here on its task may have told others something by
 * way of the kernel, unseen (files, other processes); an atomic load, which begins a segment, that it may have learned
 * something so.
 */
#define TRACE_OUTSIDE UINT64_C(0x7ffffffff000)

struct trace_sync_codec {
    uint32_t task;
    uint64_t segment;
    uint64_t pc;
};

uint8_t *trace_sync_put(struct trace_sync_codec *codec, uint8_t *p,
                        const struct trace_sync *record);
size_t trace_sync_get(struct trace_sync_codec *codec, const uint8_t *p, const uint8_t *end,
                      struct trace_sync *record, const char **error);

/* One entry of a stream's dictionary of sites: an access instruction, and what its next record is foreseen to be. (Of 64
 * bytes, since entries are found by number all the time.) */
struct trace_site {
    uint64_t pc;
    uint64_t
        address; /* of the first byte of its last record (or of that, in the last line of a run) */
    uint64_t shape;   /* the mask of that, moved down to this byte */
    uint64_t step;    /* the next is so far from the last record of the site `from` */
    uint64_t far;     /* where it was before it last went far away */
    uint32_t context; /* of its last record */
    uint16_t from;
    uint16_t next, next_before; /* the entries used after this one, the last two that were told */
    uint8_t kind;
    uint8_t context_code; /* enum context_code: which context was the right one */
    uint8_t used;
    uint8_t
        wide; /* how often it went far, and from WIDE_AFTER on how often that was told in two bytes: see line.h */
    uint8_t unit; /* the binary logarithm of what its distances are multiples of */
    uint8_t unused[9];
};
static_assert(sizeof(struct trace_site) == 64, "found by a shift");

/* Where one of the last records was, and its site. */
struct trace_place {
    uint64_t address;
    uint16_t site;
};
#define TRACE_RECENT         8u
#define TRACE_CONTEXT_PLACES 218u /* of numbers of contexts, by hash */

#define TRACE_SITE_PLACES    (1u << 14)
#define TRACE_SITE_PAIRS     (1u << 12)

/* Stacks and held sets of late contexts, in places by their name, four for each. */
#define TRACE_KNOWN          256u
struct trace_known {
    uint64_t name;    /* the writer's */
    uint32_t context; /* the last one that has it */
    uint32_t epoch;   /* in which SWITCH's numbering, from 1 */
    uint8_t next; /* of a stack: the place of the one that the next context with another one had */
};

#define TRACE_MASKS     240u

#define TRACE_LINES_MAX 47u /* lines of a LINES record */

/* A LINE record of one line, as trace_lines_get gives it. */
struct trace_line {
    uint64_t line, mask;
    uint32_t context;
    uint16_t site; /* entry of the dictionary, which has the pc until more is read */
    uint8_t kind;
};

struct trace_access_codec {
    uint32_t task;
    uint32_t context;        /* number of the present context */
    uint32_t line_context;   /* ... and of the one that the record before belongs to */
    uint32_t context_before; /* ... and of the one that those before that with another did */
    uint64_t segment;
    uint64_t pc;      /* last pc written out */
    uint64_t address; /* last address of a RANGE, ALLOC, FREE */
    uint64_t tsc;
    uint16_t site; /* dictionary entry used last */
    uint16_t pair; /* where in `pairs` the one after it is foreseen */
    uint16_t
        site_new; /* the entry that the next new site takes: in turn, so that few sites take few bytes, and pages */
    uint16_t told;       /* while a record is written: its entry */
    uint8_t recent_last; /* of `recent`, the one of the record before */
    uint8_t
        count_given; /* the reader's: how many records of the count that it is at it has given out */
    uint8_t count_read; /* ... the count that it read last, if nothing came after it; else 0 */
    uint8_t *counted;   /* the writer's: the end of a count, if nothing came after it; else NULL */
    /* Places of the last records in turn: the oldest gives way, while a record is looked at, to its own site's. */
    struct trace_place recent[TRACE_RECENT];
    uint32_t contexts[TRACE_CONTEXT_PLACES];
    uint32_t epoch;       /* SWITCH records so far */
    uint16_t stack, held; /* places of those of the present context; TRACE_KNOWN: none */
    uint64_t masks[TRACE_MASKS];
    struct trace_known stacks[TRACE_KNOWN], helds[TRACE_KNOWN];
    uint16_t pairs[TRACE_SITE_PAIRS]; /* the entry used after three others, by hash of these */
    struct trace_site sites[TRACE_SITES];
    uint16_t places
        [TRACE_SITE_PLACES]; /* the writer's: number of an entry + 1, by hash of the site, two for each */
    /* The reader's: what a LINES record had, as long as some of it is not given out; and of how many bytes it was. */
    uint8_t lines_count, lines_given;
    uint16_t lines_size;
    struct trace_line lines[TRACE_LINES_MAX];
};

/* `record->task` and `segment` are used by SWITCH and SEGMENT only; the others are of the present. */
uint8_t *trace_access_put(struct trace_access_codec *codec, uint8_t *p,
                          const struct trace_access *record);

/* Need the frames of the stack with this name not be told? */
bool trace_stack_known(const struct trace_access_codec *codec, uint64_t name);

/* A LINE record: `mask` (not 0) of the line at `address` (a multiple of 64) and of `run` further lines, each `stride`
 * (1 or -1) lines on from the last. `context`: its number, at most TRACE_CONTEXT_WINDOW before the present one. */
uint8_t *trace_line_put(struct trace_access_codec *codec, uint8_t *p, uint8_t kind, uint64_t pc,
                        uint64_t address, uint64_t mask, uint32_t context, uint32_t run,
                        int stride);

/* Fills only the members that the record's type has (see struct trace_access), and task, segment, context always. A count
 * of records that were foreseen, and a LINES, gives one LINE at each call; all but its last are of 0 bytes, and leave *error
 * alone. */
size_t trace_access_get(struct trace_access_codec *codec, const uint8_t *p, const uint8_t *end,
                        struct trace_access *record, const char **error);

/* In a trace that is still written: is `byte` that last byte read, and was it a count that is of more records now? Then they
 * are read from it, as if it had not been read to its end. */
bool trace_access_grown(struct trace_access_codec *codec, uint8_t byte);

/* A LINES record: `count` lines, at most TRACE_LINES_MAX, of which line and mask are used. */
uint8_t *trace_lines_put(struct trace_access_codec *codec, uint8_t *p, uint8_t kind, uint64_t pc,
                         uint32_t context, const struct trace_line *lines, uint32_t count);

/* Reads as many LINE records of one line, below `limit`, as are the usual ones, at most `room`; returns the end of what it
 * read. None does not mean that there is none: what follows is read by trace_access_get. */
const uint8_t *trace_lines_get(struct trace_access_codec *codec, const uint8_t *p,
                               const uint8_t *end, uint64_t limit, struct trace_line *lines,
                               uint32_t room, uint32_t *count);

#endif
