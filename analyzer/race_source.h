/*
 * The access streams, each read once for all workers. A batch of records becomes marks, which
 * concern every worker (segments, runs, blocks), and items, lines of a worker's shard alone.
 *
 * All workers go through the same batches in the same order (race_worker.c), so whoever comes first
 * to where nobody has been reads on; the others find it read. Helpers do nothing but read ahead, any
 * stream, also one that no worker has come to: most traces are hard to read and have little to
 * check. A stream is read by one thread at a time, and the tables of places behind it belong to all.
 *
 * Memory: a worker that is RACE_LEAD batches before the last one must wait for it, and helpers read
 * RACE_ROOM bytes of batches ahead (at least one batch of each open stream).
 */
#ifndef ANALYZER_RACE_SOURCE_H
#define ANALYZER_RACE_SOURCE_H

#include <pthread.h>
#include <stdatomic.h>

#include "analyzer/race.h"

#define RACE_BATCH    512u  /* items, or marks */
#define RACE_RECORDS  8192u /* records of a batch at most: most concern nobody */
#define RACE_LEAD     256u
#define RACE_ROOM     (UINT64_C(8) << 20)
#define RACE_OPEN     16u   /* streams that helpers open, a reader for each */
#define RACE_CONTEXTS 8192u /* a power of two above TRACE_CONTEXT_WINDOW */
static_assert(RACE_CONTEXTS > TRACE_CONTEXT_WINDOW, "contexts in the window do not share a place");

struct race_item { /* bytes `mask` of a line were accessed */
    uint64_t line, mask;
    uint32_t site, frame, held;
    uint16_t ordinal; /* of the record, in its batch: from 1 */
    uint16_t shard;
};
static_assert(sizeof(struct race_item) == 32, "item");

enum race_what { RACE_LONG, RACE_BLOCK_RECORD, RACE_SEGMENT, RACE_SWITCH };

struct race_mark {
    uint64_t value; /* RACE_SEGMENT, _SWITCH: the segment; else the index of a record */
    uint32_t site;  /* RACE_SEGMENT, _SWITCH: the task */
    uint32_t frame, held;
    uint16_t ordinal;
    uint16_t what; /* enum race_what */
};

struct race_record { /* what is needed of a run, a range, an allocation or a free */
    uint64_t address, mask, size, pc, tsc, run;
    uint32_t type, kind;
    bool down;
};

struct race_batch {
    _Atomic(struct race_batch *) next; /* of the stream, once it has been read */
    struct race_feed *feed;
    atomic_uint users; /* workers that are not done with it */
    uint32_t bytes;
    uint32_t count; /* records that were read */
    uint32_t mark_count;
    uint64_t number; /* in its stream, from 1 */
    const struct race_item *items;
    const struct race_mark *marks;
    const struct race_record *records;
    const uint32_t *first; /* [shards + 1]: where the items of each shard begin */
};

/*
 * Call stacks as the stream tells them, in one memory of the reader: most are of accesses that are
 * nobody's business, so a stack becomes a frame of race_places only when an item has it. A frame is
 * then known by RACE_FRAME and its number.
 */
#define RACE_FRAME 0x80000000u
#define RACE_NODES (1u << 16)
struct race_node {
    uint64_t pc;
    uint32_t parent; /* node, or RACE_FRAME and a frame */
    uint32_t frame;  /* 0: it has not become one */
};

struct race_context {
    uint32_t node; /* or RACE_FRAME and a frame */
    uint32_t held;
};

struct race_known_site {
    uint64_t pc;
    uint32_t kind, site;
};

#define RACE_LINES 64u
struct race_reader {
    struct access_cursor cursor;
    struct trace_line lines[RACE_LINES];
    struct race_context contexts[RACE_CONTEXTS];
    struct race_known_site sites[TRACE_SITES];
    struct race_node *nodes;
    uint32_t node_count, node_capacity;
};

/* A batch while it is being read: each thread has one. */
struct race_draft {
    struct trace_access record;
    uint32_t count, item_count, mark_count, record_count;
    struct race_item items[RACE_BATCH];
    struct race_mark marks[RACE_BATCH];
    struct race_record records[RACE_BATCH];
    uint32_t *path; /* work of frame_of */
    uint32_t path_capacity;
    uint32_t turn; /* of a helper: the stream it looks at next */
    uint32_t seen; /* ... and source->freed, when it last found nothing to read */
};

struct race_feed {          /* a stream */
    struct race_batch head; /* of nothing, before the first one */
    struct race_source *source;
    pthread_mutex_t lock; /* of what follows, while workers run */
    struct race_batch *last;
    struct race_reader *reader; /* NULL: not begun, or ended */
    uint64_t read;              /* records */
    uint64_t needs;             /* of the file: what lies before is not needed any more */
    _Atomic uint64_t held;      /* bytes of its batches */
    atomic_bool open, ended;
};

struct race_lead {
    _Alignas(64) _Atomic uint64_t batches; /* taken by a worker */
};

struct race_source {
    const struct race_scan *scan;
    pthread_mutex_t places_lock; /* while workers run */
    struct race_places places;
    struct race_feed **feeds;
    uint32_t feed_count, shards, helpers;
    bool final;                 /* the streams do not grow any more */
    struct race_draft **drafts; /* [shards + helpers] */
    struct race_lead *leads;    /* [shards] */
    pthread_mutex_t lead_lock;
    pthread_cond_t lead_moved;
    atomic_uint waiting; /* for the last worker */
    pthread_mutex_t help_lock;
    pthread_cond_t help_wanted;
    atomic_uint idle;    /* helpers that wait for room */
    atomic_uint freed;   /* batches */
    atomic_uint opened;  /* streams that have a reader */
    atomic_uint working; /* workers that have not left */
};

void race_source_open(struct race_source *source, const struct race_scan *scan, uint32_t shards,
                      uint32_t helpers);
/* The workers have ended. */
void race_source_close(struct race_source *source);
/* No worker runs; the streams have grown, more of them has been granted, or they are final. */
void race_source_again(struct race_source *source, bool final);
/* What part `part` of a crew does that is no worker (from `shards` on): reads ahead, until all workers have left. False
 * if there is no room for more: race_source_wait. */
bool race_source_help(struct race_source *source, uint32_t part);
/* A worker does not go on before race_source_again. */
void race_source_leave(struct race_source *source);
/* The batch before the first one. */
struct race_batch *race_source_head(const struct race_source *source, uint32_t stream);
/* Whether a worker is so far ahead that it must not take more. */
bool race_source_far(const struct race_source *source, uint32_t shard);
/* ... and waits until it is not; a helper waits until it can help. */
void race_source_wait(struct race_source *source, uint32_t part);
/* The worker goes on from one batch to the next; NULL if there is none, and it keeps the one it
 * has. */
struct race_batch *race_source_next(struct race_source *source, uint32_t shard, uint32_t stream,
                                    struct race_batch *from);
/* The worker is done with a batch, or with it and all behind it. */
void race_batch_done(struct race_batch *batch);
void race_batch_done_all(struct race_batch *batch);
/* How much of a stream's file is not needed any more. */
uint64_t race_source_read(const struct race_source *source, uint32_t stream);

/* ---- race_reader.c ---- */

struct race_reader *race_reader_new(const struct race_scan *scan, uint32_t stream);
void race_reader_free(struct race_reader *reader);
/* Reads into the draft, at most `left` records; false if the stream has ended before. */
bool race_reader_fill(struct race_source *source, struct race_reader *reader,
                      struct race_draft *draft, uint64_t left);

#endif
