/*
 * The parts of the race detector: what they share. Nothing outside detect_race.c and race_*.c
 * includes this.
 *
 * How it works: one scan of the access streams (race_scan.c) finds which tasks each stream carries
 * and which 64-byte lines more than one task touched with a write among them. Then each worker
 * thread (race_worker.c) goes through all streams, which are read once for all of them
 * (race_source.c), in an order that happens-before allows and keeps, for the shared lines that hash
 * to its shard, the accesses that a later one could still race with (race_history.c). detect_race.c
 * puts the workers' races together, race_report.c makes findings of them.
 *
 * Invariant of the history: for each line and generation, every pair of sites that races in the
 * recorded run is found (the first instance of it, and up to RACE_SAMPLES objects), unless
 * history_dropped says otherwise.
 */
#ifndef ANALYZER_RACE_H
#define ANALYZER_RACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "analyzer/analysis.h"
#include "analyzer/order.h"
#include "analyzer/trace.h"

/* ---- race_scan.c ---- */

struct race_moment { /* from this segment on after `tsc` */
    uint64_t segment, tsc;
};

struct race_visit { /* a task's stay on a stream */
    uint64_t first_segment, last_segment;
    uint32_t task, stream;
    uint32_t ordinal; /* among the visits of its task, in order of segments */
    struct race_moment *moments;
    uint32_t moment_count, moment_capacity;
    uint64_t moment_gap; /* ticks: those that come closer are left out */
};

struct race_scan_stream {
    struct race_visit **visits; /* in the stream's order */
    uint32_t visit_count, visit_capacity;
    uint32_t visits_settled;        /* of those, how many the tasks' lists have */
    uint64_t records, lines, bytes; /* LINE and RANGE records; the same with runs as their lines */
    uint64_t lost;
    uint64_t
        all_records;  /* of any type: where the check ends too, should the program still write */
    uint64_t granted; /* of these, how many may be checked while the trace grows: see digest.c */
    uint64_t error_offset;
    const char *error;
    struct race_scan_cursor *cursor; /* where the scan goes on, of a trace that still grows */
    bool whole;                      /* all that the trace has of it now has been read */
};

struct race_scan_task {
    struct race_visit **visits; /* by ordinal */
    uint32_t count, capacity;
    bool unsorted;
};

struct race_scan {
    const struct trace *trace;
    uint32_t task_count, stream_count;
    struct race_scan_stream *streams;
    struct race_scan_task *tasks;
    bool grows;    /* the trace is read while it is written: any line is worth a history */
    uint64_t step; /* then: records of a stream that race_scan_run reads at most; 0: all */
    struct race_owners *owners; /* while scanning; NULL: of a trace that grows */
    uint64_t *shared;           /* bit by race_index: worth a history; NULL: all are */
    uint64_t shared_count;      /* bits set */
    unsigned bits;              /* log2 of the number of hashes */
    bool patched;               /* some module was patched at load: there are machine accesses */
    _Atomic uint16_t *lives;    /* by line hash: see race_lives_once */
    _Atomic uint8_t *large;     /* by hash of a page: a large block was here */
    _Atomic uint32_t next;      /* stream to be scanned next */
};

#define RACE_HASH UINT64_C(0x9e3779b97f4a7c15)

/* Place of a line in a table of 2^bits: groups of 2^group lines are scattered, the lines of one lie
 * side by side, because programs walk through memory. */
static inline uint64_t race_index(uint64_t line, unsigned bits, unsigned group)
{
    uint64_t hash = (line >> group) * RACE_HASH;
    return hash >> (64 + group - bits) << group | (line & ((1u << group) - 1));
}

#define RACE_SCAN_GROUP \
    6u /* a page of memory; strides of pages then share marks, which costs but time */
#define RACE_LINE_GROUP 3u

static inline bool race_shared(const struct race_scan *scan, uint64_t line)
{
    if (!scan->shared)
        return true;
    uint64_t index = race_index(line, scan->bits, RACE_SCAN_GROUP);
    return scan->shared[index / 64] >> (index % 64) & 1;
}

/*
 * An access that no allocation of its memory is before (the pointer came by a race) can still be
 * told to be of a certain block, if these bytes were allocated only once in the whole trace. For
 * this the scan counts, for each 16 bytes of a line, the allocations (0, 1, more) and the frees.
 * True if there was one allocation; *frees becomes how often they were freed (2: more than once).
 */
bool race_lives_once(const struct race_scan *scan, uint64_t line, uint64_t mask, unsigned *frees);

void race_scan_open(struct race_scan *scan, const struct trace *trace, uint32_t task_count,
                    bool grows);
void race_scan_run(struct race_scan *scan); /* on any number of threads, then once: */
void race_scan_end(struct race_scan *scan);
/* The trace has grown, and perhaps ended: race_scan_run and race_scan_end go on from where they
 * were. */
void race_scan_again(struct race_scan *scan, uint32_t task_count);
void race_scan_close(struct race_scan *scan);

/* ---- race_time.c: when accesses were made, as far as the trace has moments ---- */

void race_time_note(struct race_visit *visit, uint64_t segment, uint64_t tsc);
void race_visit_free(struct race_visit *visit);
/* A moment that all accesses of a segment were made before; UINT64_MAX: not known. */
uint64_t race_time_end(const struct race_scan *scan, uint32_t task, uint64_t segment);
/* A moment that all of them were made after; 0: not known. */
uint64_t race_time_begin(const struct race_scan *scan, uint32_t task, uint64_t segment);
/* How far apart in time two segments are at least; 0: not known. */
uint64_t race_time_apart(const struct race_scan *scan, uint32_t a, uint64_t a_segment, uint32_t b,
                         uint64_t b_segment);
/* The last segment of a task of which accesses may have been made before a moment. */
uint64_t race_time_reached(const struct race_scan *scan, uint32_t task, uint64_t tsc);

/* ---- race_place.c: sites, call stacks and held sets, each told once and then named by a number
 * ---- */

struct race_site {
    uint64_t pc;
    uint32_t kind;
};

struct race_frame {
    uint64_t pc;
    uint32_t parent;
    uint32_t next; /* in its bucket */
};

struct race_held {
    uint32_t count, next;
    uint32_t words[TRACE_HELD_MAX]; /* object << 1 | shared */
};

struct race_places {
    struct race_site *sites;
    uint32_t site_count, site_capacity, *site_buckets, site_bucket_count;
    struct race_frame *frames; /* 0: no frame */
    uint32_t frame_count, frame_capacity, *frame_buckets, frame_bucket_count;
    struct race_held *held; /* 0: nothing held */
    uint32_t held_count, held_capacity;
    uint32_t *held_buckets, held_bucket_count;
};

/* A site number carries what the checks ask for most. */
#define RACE_SITE_WRITE   1u
#define RACE_SITE_ATOMIC  2u
#define RACE_SITE_MACHINE 4u
#define RACE_SITE_SHIFT   3u
#define RACE_KIND_FREE    0x100u /* kind of a site that ends blocks */
#define RACE_KIND_MACHINE 0x200u /* see race_machine */

/* RACE_KIND_MACHINE for code that no compiler instrumented, in a process with patched modules. */
uint32_t race_machine(const struct race_scan *scan, uint64_t pc);
void race_places_open(struct race_places *places);
void race_places_close(struct race_places *places);
uint32_t race_site_get(struct race_places *places, uint64_t pc, uint32_t kind);
uint32_t race_frame_get(struct race_places *places, uint32_t parent, uint64_t pc);
uint32_t race_held_get(struct race_places *places, const struct trace_held *held, uint32_t count);

/* ---- race_history.c ---- */

#define RACE_SEGMENT_MAX ((UINT64_C(1) << 40) - 1)
#define RACE_TASK_MAX    ((1u << 24) - 1) /* the trace's tables have no more tasks */
#define RACE_HELD_LAST   ((1u << 31) - 1)

/*
 * Bytes of a line, as one task accessed them at one site in one segment: two to a cache line. What is narrower than a
 * word is written as one: a word that was written in parts and is read as a whole soon after has to be waited for.
 */
struct race_entry {
    uint64_t mask;
    union {
        uint64_t when; /* race_when() */
        struct {
            uint64_t segment : 40;
            uint64_t task : 24;
        };
    };
    uint32_t site;
    uint32_t frame;
    union {
        uint32_t holding; /* race_holding() */
        struct {
            uint32_t held : 31;
            uint32_t guess : 1; /* that it is of this block was told by race_lives_once */
        };
    };
    uint32_t block; /* generation: 0 none known */
};
static_assert(sizeof(struct race_entry) == 32, "entry");

#define RACE_TAGS 16u

/*
 * Entries of a line lie in a place for 2^room of them. Where these are more than RACE_TAGS, the last in the place are no
 * entries but the tags of those before, a byte each.
 */
#define RACE_ROOM_MAX \
    11u /* 2048 unordered accesses or sites at most (a compressor has 300 at one line of its state) */
/*
 * One cache line. `top` is an access that all entries are before (or which is the newest of them),
 * kept so that an access that is after it need not look at the others; top_task 0: none is known.
 * `known` are the generations that the last accesses were to, for the bytes of which there is no
 * newer one: valid for accesses that are after `top`.
 */
struct race_line {
    uint64_t line; /* address / 64 + 1; 0: free slot */
    union {
        uint64_t top; /* race_when() */
        struct {
            uint64_t top_segment : 40;
            uint64_t top_task : 24;
        };
    };
    uint32_t known_block[2];
    union race_span {
        uint16_t both;
        struct {
            uint8_t first, last;
        };
    } known[2];          /* the bytes; first > last: none */
    uint32_t blocks;     /* first link to the blocks that have bytes here, newest first */
    uint32_t large_seen; /* large blocks with numbers up to this have been linked */
    uint32_t entries;    /* where they are, if any */
    uint16_t count;
    uint8_t room;   /* log2 of the room at `entries` */
    uint8_t forgot; /* blocks were dropped: an access to no known block may be to one of them */
    uint8_t
        tags[RACE_TAGS]; /* of the first entries: race_tag of their sites; others: race_line_tags */
    bool watched;        /* race_watch.c wants to know of its accesses */
    bool split;          /* a group that is none any more: race_group.c */
    uint8_t unused[2];
};
static_assert(sizeof(struct race_line) == 64, "line");

static inline uint64_t race_when(uint32_t task, uint64_t segment)
{
    return (segment & RACE_SEGMENT_MAX) | (uint64_t)task << 40;
}

static inline uint32_t race_holding(uint32_t held, bool guess)
{
    return (held & RACE_HELD_LAST) | (uint32_t)guess << 31;
}

/* The blocks of the line have changed. */
static inline void race_line_blocks_changed(struct race_line *line)
{
    line->known[0].both = line->known[1].both = 1;
}

static inline uint8_t race_tag(uint32_t site)
{
    return (uint8_t)(site >> RACE_SITE_SHIFT); /* sites are numbered in a row */
}

struct race_block { /* a generation of some bytes, from an ALLOC to its FREE */
    uint64_t address, size;
    uint64_t segment, tsc, pc;
    uint64_t free_segment, free_tsc;
    uint64_t
        reused; /* its address was given out again then, so it was freed before; 0: not known */
    uint32_t task, frame, kind;
    uint32_t free_task; /* 0: not freed */
    bool quiet;         /* it ended by itself: that is no access */
    uint32_t free_site, free_frame, free_held;
    uint32_t links;  /* lines that name it, and one while it can be found by its address */
    uint32_t next;   /* in its address bucket, or in the list of unused blocks */
    uint32_t number; /* of a large block, else 0 */
};

struct race_link { /* a block in a line, with what is asked of it most */
    uint64_t mask; /* its bytes there */
    uint64_t segment;
    uint32_t task;
    uint32_t block, next;
    bool look; /* it may have ended: the block itself tells */
};

#define RACE_REGION_SHIFT 24u /* large blocks are listed by 16 MB regions */
struct race_region {
    uint64_t region; /* + 1; 0: free slot */
    uint32_t *blocks;
    uint32_t count, capacity;
};

/* Who accesses, now: set by the worker as its streams go on. */
struct race_now {
    uint64_t segment;
    struct clock clock;
    const struct clock_pool *clocks; /* the pool of `clock` */
    uint64_t position;               /* number of the record: the same in every worker */
    uint32_t task;
    uint32_t site, frame, held;
    bool guess;
};

#define RACE_SAMPLES 8u
struct race_sample {
    uint64_t apart;   /* of a machine pair: ticks by the clock, at least */
    uint64_t address; /* of the line */
    uint64_t mask;    /* bytes both touched */
    uint64_t position;
    struct race_entry before, after;
    struct race_block block;                   /* address 0: none */
    struct order_edge last_before, last_after; /* synchronisations before them; from 0: none */
    uint64_t known; /* up to where the later one is after the task of the earlier one */
};

/* Who raced when, of a machine pair: what truth.c tries its edges on. Those closest in time. */
#define RACE_INSTANCES 32u
struct race_instance {
    uint64_t apart;
    uint64_t before_segment, after_segment;
    uint32_t before_task, after_task;
    uint32_t before_site, after_site; /* the numbers of the pair, this way round or the other */
};

struct race_pair {      /* a racy pair of sites */
    uint32_t low, high; /* site numbers */
    uint64_t count;
    uint32_t sample_count;
    uint32_t instance_count;
    struct race_sample samples[RACE_SAMPLES];
    struct race_instance *instances; /* of a machine pair, else NULL */
};

struct race_record;

struct race_history {
    const struct race_scan *scan;
    const struct order *order;
    struct race_line *lines;            /* open addressing */
    uint64_t line_count, line_capacity; /* slots in use, and in all */
    uint64_t line_empty;                /* in use, but nothing is known of them any more */
    uint64_t group_count, group_slots;  /* groups, and those that were split, too */
    unsigned line_bits;                 /* log2(line_capacity) */
    struct race_entry *pool; /* a reservation of address space: entries never move while it grows */
    uint64_t pool_used, pool_room;
    struct race_free { /* places that were left, the last one on top */
        uint32_t *places, count, capacity;
    } pool_free[RACE_ROOM_MAX + 1]; /* by log2 of entries */
    uint8_t *pool_state;   /* of every other entry: that a free place of this log2 begins here */
    uint64_t tables_made;  /* how often `lines` has become another table */
    uint64_t pool_entries; /* in use */
    struct race_link *links;
    uint32_t link_count, link_capacity, link_free;
    struct race_block *blocks;
    uint32_t block_count, block_capacity, block_free;
    uint32_t *block_buckets, block_bucket_count, blocks_found;
    struct race_region *regions;
    uint32_t region_count, region_capacity;
    uint32_t large_count;
    uint32_t *stacks; /* [task_count]: the block that is a task's stack */
    uint32_t task_count;
    struct race_pair *pairs;
    uint32_t pair_count, pair_capacity, *pair_buckets, pair_bucket_count;
    struct race_watches *watches; /* NULL: no machine access has raced */
    struct race_ignored {         /* bytes on which no race is reported: the program said so */
        uint64_t low, high;
    } * ignored;
    uint32_t ignored_count, ignored_capacity, ignored_objects; /* of the trace, looked at so far */
    uint64_t ignored_races;    /* accesses that raced on such bytes alone */
    uint64_t dropped, crowded; /* accesses forgotten: no memory; no room at their line */
    uint64_t limit;            /* bytes */
    uint64_t sweep_at;         /* lines + entries at which the next sweep is due */
    uint64_t swept_to;         /* the sum of the last one's floor */
};

/* `lines`: how many are to be expected. */
void race_history_open(struct race_history *history, const struct race_scan *scan, uint64_t lines,
                       uint64_t limit);
void race_history_close(struct race_history *history);
void race_history_grow(struct race_history *history, uint32_t task_count);
/* Whether enough has come together since the last sweep that the next one pays. */
bool race_sweep_due(const struct race_history *history);
/* Forgets what every event to come is after (order_walk_floor). */
void race_sweep(struct race_history *history, const uint64_t *floor);
static inline struct race_line *race_line_slot(const struct race_history *history, uint64_t line)
{
    return &history->lines[race_index(line, history->line_bits, RACE_LINE_GROUP)];
}

/* Where the line is, or would be. */
static inline struct race_line *race_line_find(const struct race_history *history, uint64_t line)
{
    struct race_line *slot = race_line_slot(history, line);
    const struct race_line *end = history->lines + history->line_capacity;
    while (slot->line != 0 && slot->line != line + 1) {
        if (++slot == end)
            slot = history->lines;
    }
    return slot;
}

/* The line of a number; NULL if there is none and `make` is false, or no room for it (then counted
 * as dropped). */
struct race_line *race_line_get(struct race_history *history, uint64_t line, bool make);
/* A line or group that is not in the table; NULL if there is no room. */
struct race_line *race_line_make(struct race_history *history, uint64_t line);

static inline struct race_entry *race_line_entries(const struct race_history *history,
                                                   const struct race_line *line)
{
    return history->pool + line->entries;
}

/* How many entries a place has, beside their tags. */
static inline uint32_t race_room_entries(unsigned room)
{
    uint32_t all = 1u << room;
    return all <= RACE_TAGS ? all : all - all / (uint32_t)sizeof(struct race_entry);
}

/* The tags of a line that has room for more than RACE_TAGS entries, by index from RACE_TAGS on. */
static inline uint8_t *race_line_tags(const struct race_history *history,
                                      const struct race_line *line)
{
    return (uint8_t *)(race_line_entries(history, line) + race_room_entries(line->room));
}

void race_entry_add(struct race_history *history, struct race_line *line,
                    const struct race_entry *entry);
void race_entry_remove(struct race_history *history, struct race_line *line, uint32_t index);
/* The entry at `index` becomes another one. */
static inline void race_entry_put(struct race_history *history, struct race_line *line,
                                  uint32_t index, const struct race_entry *entry)
{
    race_line_entries(history, line)[index] = *entry;
    uint8_t *tags = index < RACE_TAGS ? line->tags : race_line_tags(history, line);
    tags[index] = race_tag(entry->site);
}

static inline bool race_before(const struct race_now *now, uint32_t task, uint64_t segment)
{
    return task == now->task || clock_get(now->clocks, now->clock, task) >= segment;
}

/* ---- race_check.c ---- */

struct race_item;

/* How far the places that items need have been fetched into the cache: lines, then entries. */
struct race_ahead {
    uint32_t lines, tags, entries;
};

/* Checks items[from..to), in a segment of `now`; items up to `end` come behind them. `position`: of
 * what comes before the batch that they are of. */
void race_check(struct race_history *history, struct race_now *now, const struct race_item *items,
                uint32_t from, uint32_t to, uint32_t end, uint64_t position,
                struct race_ahead *ahead);

/* ---- race_found.c ---- */

/* Notes a race of `now` with `before` or, if that is NULL, with the end of `block`. */
void race_found(struct race_history *history, const struct race_now *now, uint64_t line,
                uint64_t mask, const struct race_entry *before, uint32_t block);

/* Whether a sample whose block was guessed is right, now that the whole trace has been read. */
bool race_guess_holds(const struct race_history *history, const struct race_sample *sample);

/* ---- race_block.c: generations ---- */

/* Which lines a history keeps: those worth it that fall to its share. */
struct race_shard {
    const struct race_scan *scan;
    uint32_t index, count;
};

/* By bits of the hash that do not choose the place in the table, so that a share fills all of its
 * table. */
static inline uint32_t race_shard_of(uint64_t line, uint32_t count)
{
    uint64_t hash = (line >> RACE_LINE_GROUP) * RACE_HASH >> 20 & 0xfffff;
    return (uint32_t)(hash * count >> 20);
}

static inline bool race_mine(const struct race_shard *shard, uint64_t line)
{
    return race_shared(shard->scan, line) &&
           (shard->count == 1 || race_shard_of(line, shard->count) == shard->index);
}

/* A block begins or ends by `record`; returns its number, 0 if it is of no interest. */
uint32_t race_block_begin(struct race_history *history, const struct race_shard *shard,
                          const struct race_now *now, const struct race_record *record);
void race_block_end(struct race_history *history, const struct race_shard *shard,
                    const struct race_now *now, const struct race_record *record);
/* A task is over, with `segment`: nobody who is after that will touch its stack any more. */
void race_block_task_over(struct race_history *history, uint32_t task, uint64_t segment);
/* Links the large blocks that came since this line was last looked at. */
void race_line_catch_up(struct race_history *history, struct race_line *line);
/* The line, which has none, gets the blocks of this list; it gives up all of its. */
void race_line_copy_blocks(struct race_history *history, struct race_line *line, uint32_t links);
void race_line_drop_blocks(struct race_history *history, struct race_line *line);
/* Forgets the blocks of a line that ended before all events to come; true if any are left. */
bool race_line_sweep_blocks(struct race_history *history, struct race_line *line,
                            const uint64_t *floor);
void race_regions_sweep(struct race_history *history);

/* ---- race_watch.c, race_refine.c: see race_watch.h ---- */

struct race_watches;
void race_watches_free(struct race_watches *watches);
/* A machine pair raced, `apart` from each other. */
void race_watch_found(struct race_history *history, const struct race_now *now, uint64_t line,
                      uint64_t mask, const struct race_entry *before, uint32_t block,
                      uint32_t pair_index, uint64_t apart);
/* An access to a line that is watched. False if the line is no memory, and nothing can race there. */
bool race_watch_access(struct race_history *history, const struct race_now *now, uint64_t line,
                       uint64_t mask, uint32_t block);
struct race_worker;
/* Reads the streams once more, if they are still there, and replaces what the logs of the worker's
 * watches do not know of the past. */
void race_refine(struct race_worker *worker);

/* ---- race_worker.c ---- */

/* What is known of tasks that still run: all accesses of task t at segments before segments[t] can
 * be read; over[t]: all that there will be. */
struct race_live {
    uint64_t *segments;
    bool *over;
    uint32_t count;
};

struct race_source;
struct race_worker {
    struct race_source *source;
    const struct race_scan *scan;
    const struct order *order;
    const struct race_live *live;
    struct race_shard shard;
    struct race_history history;
    struct run *run;
    _Atomic uint64_t progress; /* records taken */
    bool stalled;              /* the streams wait for each other: a damaged trace */
    uint64_t lines;            /* distinct, checked */
};

/* Checks all that has been granted; at the end (`final`) all that there is. False if it must wait
 * for another worker (race_source_wait) before it is called again. */
bool race_worker_advance(struct race_worker *worker, bool final);
void race_worker_end(struct race_worker *worker);

/* What order_retire is to be told: base[t] is a segment of t that every event still to come is after, and whatever retired
 * edges of t up to there could tell. */
/* sleeps[t]: the segment that task t sleeps in, 0 if it is awake. False if it cannot be said now. */
bool race_worker_cut(struct race_worker *worker, const uint64_t *sleeps, struct order_cut *cut);
/* See order_walk_unsure. */
uint32_t race_worker_unsure(const struct race_worker *worker);

/* ---- detect_race.c ---- */

/* 0 becomes what this machine has. */
void race_resources(unsigned *jobs, uint64_t *memory_limit);
/* The workers that `jobs` threads have, for all that the scan has read. */
struct race_worker *race_workers_open(const struct race_scan *scan, const struct order *order,
                                      const struct race_live *live, unsigned jobs,
                                      uint64_t memory_limit);
unsigned race_worker_count(const struct race_worker *workers);
void race_workers_close(struct race_worker *workers);
/* What each of these threads does: false if it must wait (race_source_wait) before it goes on. */
bool race_workers_advance(struct race_worker *workers, unsigned part, bool final);
/* Adds what the workers found, and what was seen, when all has been checked. */
void race_conclude(struct analysis *analysis, const struct race_scan *scan,
                   struct race_worker *workers);

/* ---- race_report.c ---- */

/* Adds the findings of all workers. */
void race_report(struct analysis *analysis, struct race_worker *workers, uint32_t count);

#endif
