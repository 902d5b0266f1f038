/*
 * What the parts of the access side share: the filter's fast words, which the __tsan_* entry points read without a guard,
 * and the state behind them, which only changes with the guard up. access.c (filter), open.c and park.c (records being
 * merged, contexts), shadow.c (call stack), abi.c and atomic.c (entry points).
 */
#ifndef SHIM_ACCESS_STATE_H
#define SHIM_ACCESS_STATE_H

#include "shim/access.h"
#include "shim/patch.h"
#include "shim/table.h"

/*
 * One 64-byte line of memory as this thread has touched it in this generation. A generation is a segment, or a part of
 * one (a large allocation begins a new one). The mask holds what has NOT been seen, so that the fast path is one `test`.
 * address ^ tag is the offset in the line. A new generation begins with an empty filter: whose line comes where there was
 * none is noted (filter_enter()), so that only these need be emptied.
 */
struct filter_entry {
    uint64_t
        tag; /* address of the line (47 bits) ^ FILTER_ATOMIC for an atomic, FILTER_CLOSED; 0: empty */
    uint64_t
        unseen; /* filter of reads: bytes neither read nor written yet; of writes: bytes not yet written */
};

#define LINE_BYTES    64u
#define LOWEST        65536u /* nothing is mapped below: the access is about to fault, and no race */
#define FILTER_ATOMIC (UINT64_C(1) << 47)
#define FILTER_CLOSED \
    (UINT64_C(1) << 48) /* forgotten, but what was gathered there is to be written */

/* What an access of this kind has in its tag beside the address. */
static inline uint64_t filter_class(uint32_t kind)
{
    return (uint64_t)(kind & TRACE_KIND_ATOMIC) * (FILTER_ATOMIC / TRACE_KIND_ATOMIC);
}

struct filter {
    struct filter_entry *entries;
    uint64_t mask; /* of the byte offset of an entry: (number of entries - 1) * 16 */
};

/* For each entry of a filter, FILTER_GATHERED bytes behind it, while accesses are gathered: who touched the line first. See
 * gather.c. */
struct gathered {
    uint64_t pc; /* of the first access, its kind << GATHERED_KIND; 0: nothing is to be written */
    uint32_t context; /* its own */
    uint32_t site;    /* in copies: its number; and GATHERED_* */
};
#define GATHERED_KIND 56u
#define GATHERED_SEVERAL \
    0x80000000u /* others have touched the line since, or it with another call stack */
#define GATHERED_SLOW \
    0x40000000u /* copies must call: a byte is marked, or nobody is the first yet */
#define GATHERED_FREE \
    GATHERED_SEVERAL /* as a whole word, no site in it: whoever touches more of the line just adds it */
/* Never so that an entry and what is gathered share their lowest bits, which would make the processor wait. */
#define FILTER_GATHERED (((size_t)8 << 20) + 1024)
static inline struct gathered *gathered_of(const struct filter_entry *entry)
{
    return (struct gathered *)((uintptr_t)entry + FILTER_GATHERED);
}

/* Initial-exec TLS, one thread's alone. Before the thread has a state: an entry that never hits, no room for frames. */
struct access_fast {
    struct filter reads, writes;
    /* The shadow stack grows upwards. Frames below `low` are as they were when the last context was taken. */
    uint64_t *top, *limit, *low;
    /* Where `top` was then, if the stream knows the thread's segment, and nothing forbids the short way of a record;
     * else NULL. Whatever changes one of these, a frame below that left its place included, makes it NULL. */
    uint64_t *context_top;
    struct trace_open *table; /* in the mapped header of the stream; else one that is nobody's */
    /* What stands first in struct thread: busy, deferred; and shim_state. */
    volatile uint32_t *guard;
    const volatile uint32_t *life;
    uint64_t context;   /* number of the present one << 32: see open_who() */
    uint64_t held;      /* held_hash that it was taken with */
    uint64_t gathering; /* not 0: what this segment does from here on is gathered */
    uint64_t order[TRACE_OPEN_ENTRIES / 64]; /* bit i: slot i is in use: see open.h */
    uint64_t marked; /* not 0: this generation knows lines with marked bytes */
};
extern struct trace_open access_no_open[] INNER; /* all empty, and never written */
extern __thread struct access_fast access_fast NEAR(access_fast)
    __attribute__((tls_model("initial-exec")));

/* What a thread without a state may find: an entry that has seen nothing, no room for a frame, a guard that is up. */
#define ACCESS_NOTHING  \
    {                   \
        0, ~UINT64_C(0) \
    }
#define ACCESS_NO_GUARD \
    {                   \
        1, 0            \
    }
#define ACCESS_FAST_EMPTY(nothing, no_frames, no_guard, no_open)                                   \
    {                                                                                              \
        .reads = {&(nothing), 0}, .writes = {&(nothing), 0}, .top = (no_frames) + 1,               \
        .limit = (no_frames) + 1, .low = (no_frames) + 2, .guard = (no_guard), .life = (no_guard), \
        .table = (no_open)                                                                         \
    }

static inline struct filter_entry *filter_entry(const struct filter *filter, uintptr_t address)
{
    static_assert(sizeof(struct filter_entry) == 16, "a line's number times 16");
    return (struct filter_entry *)((uintptr_t)filter->entries + (address >> 2 & filter->mask));
}

/* Of both filters, if that of reads has 1 << log2 entries. */
static inline size_t filter_bytes(uint32_t log2)
{
    return (sizeof(struct filter_entry) << log2) + (sizeof(struct filter_entry) << (log2 - 1));
}

/* Has every byte of `bytes` (from the first byte of the access on) been seen in this way? */
static inline bool access_seen(uintptr_t address, uint64_t bytes, bool write)
{
    const struct filter_entry *entry =
        filter_entry(write ? &access_fast.writes : &access_fast.reads, address);
    uint64_t offset = address ^ entry->tag;
    return offset < LINE_BYTES && !(entry->unseen >> offset & bytes);
}

/* Crossing from one line into the next, where the test of copies always fails: both may have been seen. */
static inline bool access_crossing_seen(uintptr_t address, uint32_t size, bool write)
{
    uint32_t first = LINE_BYTES - address % LINE_BYTES;
    return size > first && size <= 32 && access_seen(address, (UINT64_C(1) << first) - 1, write) &&
           access_seen(address + first, (UINT64_C(1) << (size - first)) - 1, write);
}

static inline uint32_t open_slot(uintptr_t pc, uint32_t kind)
{
    return (uint32_t)((pc ^ (uint64_t)kind << 40) * 0x9e3779b97f4a7c15u >> 57);
}
static_assert(TRACE_OPEN_ENTRIES == 1u << 7, "open_slot");

/* Context and kind of an access now, as one word of its entry; and that word. */
static inline uint64_t open_who(uint32_t kind)
{
    return access_fast.context | kind;
}
static inline uint64_t open_who_of(const struct trace_open *entry)
{
    uint64_t who;
    __builtin_memcpy(&who, &entry->kind, sizeof who);
    return who;
}
static_assert(offsetof(struct trace_open, context) == offsetof(struct trace_open, kind) + 4,
              "open_who_of");

/* `near` is the site of patched code that may add bytes of this line to the entry itself, 0 if none may: see patch_near.c.
 * The word that patched code compares. */
static inline uint32_t open_near_word(int stride, uint32_t site)
{
    return (uint8_t)stride | site << 8;
}
static inline void open_near(struct trace_open *entry, uint32_t word)
{
    __builtin_memcpy(&entry->stride, &word, sizeof word);
}
static_assert(offsetof(struct trace_open, near) == offsetof(struct trace_open, stride) + 1,
              "open_near_word");

/*
 * The commonest case by far of what the filter has not seen, bytes met one by one: more of a line that it knows, by a site
 * whose open entry is at that line. Guard up, open_current(). (An entry that is not in use is of line 0.) In this order the
 * whole of it needs no more registers than a function may change: counted, 72 instructions became 54.
 */
static inline __attribute__((always_inline)) bool access_more_in(uint32_t slot, uintptr_t address,
                                                                 size_t size, uint32_t kind,
                                                                 uintptr_t pc)
{
    struct trace_open *entry = &access_fast.table[slot];
    uintptr_t line = address & ~(uintptr_t)(LINE_BYTES - 1);
    if (UNLIKELY(entry->line != line || entry->pc != pc || open_who_of(entry) != open_who(kind) ||
                 access_fast.gathering)) /* what is written is not to be told as read */
        return false;
    uint64_t tag = line ^ filter_class(kind);
    struct filter_entry *reads = filter_entry(&access_fast.reads, address), *news = reads;
    if (UNLIKELY(reads->tag != tag))
        return false;
    if (kind & TRACE_KIND_WRITE) {
        news = filter_entry(&access_fast.writes, address);
        if (UNLIKELY(news->tag != tag))
            return false;
    }
    uint64_t mask = ~UINT64_C(0) >> (LINE_BYTES - size) << address % LINE_BYTES;
    entry->mask |= mask;
    reads->unseen &= ~mask;
    if (kind & TRACE_KIND_WRITE)
        news->unseen &= ~mask;
    return true;
}

static inline __attribute__((always_inline)) bool access_more(uintptr_t address, size_t size,
                                                              uint32_t kind, uintptr_t pc)
{
    return access_more_in(open_slot(pc, kind), address, size, kind, pc);
}

#define SHADOW_DEPTH  (1u << 16)
#define CONTEXT_CACHE 2048u
/* With one place for each hash 8 of 64 held sets (a table behind striped locks) drove one another out, and 12 % of the
 * segments wrote a context that had just been known. */
#define CONTEXT_WAYS  4u

/* Frames: `pc` and, at the same index, the stack pointer of the frame and the hash of the frames up to it. */
struct shadow {
    uint64_t pc[SHADOW_DEPTH];
    uint64_t unused[8]; /* the two arrays must not share cache sets */
    uint64_t sp[SHADOW_DEPTH];
    uint64_t unused2[8];
    uint64_t hash[SHADOW_DEPTH + 1];
};

struct context_seen {
    uint64_t hash;
    uint32_t number; /* 0: empty */
    uint32_t unused;
};

/* Clock pairs met by relaxed loads, for a later acquire fence. */
#define PENDING_PAIRS 32u
struct pending_pair {
    uint64_t segment;
    uint32_t task;
    uint32_t object;
};

/* The parked are written by site: by this hash of it. */
#define SITE_BUCKETS 1024u
static inline uint32_t site_bucket(uint64_t pc, uint8_t kind)
{
    return (uint32_t)((pc ^ (uint64_t)kind << 40) * 0x9e3779b97f4a7c15u >> 54);
}

/* How gather_write.c sorts. */
#define GATHER_BUCKETS 1024u
#define GATHER_TILE    4096u /* entries: what they take fits into the second cache */
struct gather_line {
    uint64_t word; /* pc | kind << GATHERED_KIND */
    uint64_t line, mask;
    uint32_t context;
};
#define GATHER_ASIDE 2048u
struct gather_order {
    struct gather_line lines[GATHER_TILE]; /* first what was put aside: see gather_put_aside() */
    uint32_t aside;                        /* how many these are, below GATHER_ASIDE */
    uint16_t rank[GATHER_BUCKETS];         /* of a site and context, from 1; 0: none */
    uint16_t buckets[GATHER_BUCKETS], next[GATHER_BUCKETS + 1]; /* by rank, from 0 and from 1 */
    uint16_t of[GATHER_TILE], order[GATHER_TILE];
};

/* access_span.c */
#define SPAN_RUNS 32u
struct span_run {
    uintptr_t low, high; /* of lines; the same: none */
};
struct span_runs {
    struct span_run of[2][SPAN_RUNS]; /* read; written */
    uint64_t generation;              /* theirs */
    uint32_t forgotten;               /* access_forgotten then */
    uint32_t oldest[2];
    uint8_t wait[PATCH_SPANS]; /* log2 of how long a span is not asked for, less WAIT_LEAST */
};

struct access_state {
    uint32_t task;      /* as the stream has it: last SWITCH, last SEGMENT */
    uint32_t ignore[2]; /* how deep reads (0) and writes (1) are not to be recorded */
    uint64_t segment;
    uint64_t time_written; /* of the last TIME record */
    uint64_t generation;

    struct filter_entry *entries; /* of both filters */
    uint32_t entries_log2;        /* of the filter of reads; that of writes has half as many */
    uint32_t entries_count;       /* of both */
    uint32_t *entered; /* those that were empty and got a line in this generation, in bytes ... */
    uint32_t entered_count;    /* ... so many; if there is no room for more, maybe all */
    uint32_t evictions_left;   /* of entries still valid, until it is to grow */
    uint64_t *words;           /* patch_words of its thread, where some may be in use ... */
    struct patch_spans *spans; /* ... its spans ... */
    uint32_t words_tid;        /* ... which has this number */
    uintptr_t shown;           /* to other threads: entries | entries_log2; 0: none */

    uint32_t told_first; /* slots that instrumented code uses, as it came to them: see open.h */
    uint8_t told[TRACE_OPEN_ENTRIES];

    uint32_t exact_left;   /* records until accesses are gathered */
    uint32_t *gather_list; /* entries with something to write, by number; some twice */
    uint32_t gather_count;
    uint32_t gather_oldest; /* no context of theirs is older */
    uint32_t gather_site;   /* while an access of unmodified code is recorded: its site */
    uint64_t *gather_bits;  /* one for each entry, all 0: gather_write.c */

    uint32_t unparked; /* so many entries that their site leaves are not parked, but written */
    uint32_t parked;   /* how many there are */
    struct park *park;

    struct shadow *shadow;
    uint64_t *low_saved; /* while frames beyond the limit are counted: access_fast.low */
    uint64_t overflow;   /* how many frames there are beyond the limit */

    uint64_t held_written;  /* hash of the held set the stream knows */
    uint32_t depth_written; /* frames of the context written last */
    uint32_t low_written;   /* of those, how many are still as they were */
    uint32_t
        stack; /* while an access of unmodified code is recorded: its call stack, see patch_access.c */
    uintptr_t call_pc, call_frame; /* with ACCESS_STACK_OF_CALL: the call of a library function */
    uint32_t stack_present;        /* the one that `context` was taken with; 0: the shadow stack */
    uint32_t stack_written;        /* the one that the stream has now */
    uint64_t context_salt;         /* of the hashes in contexts[] */
    struct context_seen contexts[CONTEXT_CACHE];

    struct span_runs span_runs;

    uint64_t fence_segment; /* of the last release fence, 0 none */
    uint32_t pending_count;
    struct pending_pair pending[PENDING_PAIRS];

    struct gather_order gather_order; /* 150 KB, of which threads that gather nothing touch none */

    /* Written next; of a context. Each is 900 bytes, much for the stack of a fiber, or for that of a signal. */
    struct trace_access record, context;

    bool codec_used; /* not all zero: 240 KB that few threads touch all of */
    struct trace_access_codec codec;
};

/* The thread's state, made at its first access; NULL if there is no memory. */
struct access_state *access_state_make(struct thread *thread);
static inline struct access_state *access_state_get(struct thread *thread)
{
    return LIKELY(thread->access) ? thread->access : access_state_make(thread);
}

/* An entry becomes that of `tag`, whatever it was. */
static inline void filter_enter(struct access_state *state, struct filter_entry *entry,
                                uint64_t tag)
{
    uint32_t count = state->entered_count;
    if (!entry->tag && LIKELY(count < state->entries_count)) {
        state->entered[count] = (uint32_t)((uintptr_t)entry - (uintptr_t)state->entries);
        state->entered_count = count + 1;
    }
    *entry = (struct filter_entry){tag, ~UINT64_C(0)};
}

/* Only one task has ever been: whatever it does happens before all that others will do, and need not be recorded. */
static inline bool access_alone(void)
{
    return table_tasks.count <= 2; /* slot 0 and the main task */
}

/* shadow.c */
bool shadow_attach(struct access_state *state);
void shadow_detach(struct access_state *state);
void shadow_fork_child(void);
void shadow_enter_slow(uint64_t pc, uint64_t sp) NEAR(shadow_enter_slow);
void shadow_leave_slow(void) NEAR(shadow_leave_slow);

/* Around a signal handler that returns: see shadow.c. */
struct shadow_view {
    const struct shadow *shadow;
    const uint64_t *top;
    uint64_t *low, *low_saved;
    uint64_t overflow;
};
void shadow_show(struct shadow_view *view);
void shadow_back(const struct shadow_view *view);

/* Unwinds the shadow stack to the frames at or above the stack pointer `sp`: a longjmp. */
void shadow_cut(uint64_t sp);

static inline void shadow_enter(uint64_t pc, uint64_t sp)
{
    /* A signal handler in between pushes and pops as many frames; so: first take the place, then fill it. */
    uint64_t *place = access_fast.top;
    if (UNLIKELY(place == access_fast.limit)) {
        shadow_enter_slow(pc, sp);
        return;
    }
    access_fast.top = place + 1;
    __asm__ volatile("" ::: "memory");
    place[0] = pc;
    place[offsetof(struct shadow, sp) / sizeof(uint64_t)] = sp;
}

static inline void shadow_leave(void)
{
    uint64_t *place = access_fast.top - 1;
    if (UNLIKELY(place < access_fast.low)) {
        shadow_leave_slow();
        return;
    }
    access_fast.top = place;
}

struct patch_site;
/* access_record() for unmodified code, whose sites have slots of the open table from the emitter: the context is the
 * captured stack `stack`, `number` the site's. Returns the number of that context if accesses may be recorded by access_near() as long as
 * control stays in copies, else 0. */
uint32_t access_record_of(struct thread *thread, struct access_state *state, uintptr_t address,
                          const struct patch_site *site, uint32_t number, uint32_t stack);
/* Only the context; 0: accesses must go the long way. */
uint32_t access_context_of(struct thread *thread, struct access_state *state, uint32_t stack);
/* access_near.c: the same while the context is still that one: called without the guard. False: it must go the long way. */
bool access_near(uintptr_t address, const struct patch_site *site, uint32_t number);
/* ... and where control has come from elsewhere, with this stack pointer: a plain access whose context is easily found. */
bool access_arrived(uintptr_t address, const struct patch_site *site, uint32_t number,
                    uintptr_t sp);
/* Records bytes of one line; where the filter has them in this way already, it does nothing. */
void access_line(struct thread *thread, uintptr_t line, uint64_t mask, uint32_t kind, uintptr_t pc);
/* No thread has seen `line` (its address) any more. A full barrier comes before. */
void access_forget_everywhere(uintptr_t line);

/* filter.c. By log2 of the entries for reads. */
#define FILTER_FIRST 8u /* 6 KB, a thread that does little */
#define FILTER_USUAL \
    14u /* 384 KB for 1 MB of memory: with 2^10 entries pigz took 5.4x instead of 2.3x */
/* 6 MB, from huge pages, while there is room for such: bzip2 sorts 900 KB with 5 MB of indices and took 6.4x with 2^16
 * entries, 13x with 2^14, 4.3x with 2^18, and no less with 2^20. */
#define FILTER_LARGE 18u
/* All zero; NULL: there is no room. `list`: as many numbers as it has entries; where accesses may be gathered as many more
 * behind them, and as many bits, all 0. */
struct filter_entry *filter_get(uint32_t log2, uint32_t **list);
void filter_put(struct filter_entry *entries, uint32_t *list, uint32_t log2);
void filter_fork_child(void);

/* What was in the filter is seen as new again: in a larger one, if it may grow. */
NOINLINE void access_filter_grow(struct access_state *state);
/* Of a filter for reads with 1 << log2 entries: how many evictions it stands. */
#define FILTER_STANDS(log2) ((log2) < 13 ? 2u << (log2) : 1u << 14)

/* forget.c: no word of this thread's copies is set any more; or after that some may be, if the segment is gathered. */
NOINLINE void access_words_renew(struct access_state *state);
void forget_fork_child(void);
/* How often lines were forgotten everywhere. */
extern uint32_t access_forgotten;
/* access_span.c: bytes [low, high) are another block's from now on. Guard up. */
void patch_spans_forget_range(struct access_state *state, uintptr_t low, uintptr_t high);

/* What was seen is new again; what was gathered is written before anything else is. */
void access_new_generation(struct access_state *state);

/* So many more reads, and writes, than before are not to be recorded. */
void access_ignore(struct access_state *state, uint32_t reads, uint32_t writes);

/* gather.c, gather_write.c */
/* From here on the segment's accesses are gathered. */
void gather_begin(struct access_state *state);
/* line_add() of access.c. */
bool gather_add(struct thread *thread, struct access_state *state, uintptr_t line, uint64_t mask,
                uint32_t kind, uintptr_t pc, uint32_t slot, bool alone, uint32_t site);
/* All that was gathered becomes records. Also for another thread that is at rest for good. */
NOINLINE void gather_write(struct thread *thread, struct access_state *state);
/* ... of the lines of [low, high), which are forgotten. */
NOINLINE void gather_write_range(struct thread *thread, struct access_state *state, uintptr_t low,
                                 uintptr_t high);
/* ... with contexts that old. */
NOINLINE void gather_write_old(struct thread *thread, struct access_state *state, uint32_t oldest);

/* open.c: records */
/* Everything recorded from here on belongs to the thread's present task and segment; false: it cannot be recorded. */
bool open_sync(struct thread *thread, struct access_state *state);
/* May a record be made at once, in the context that the stream has? */
static inline bool open_current(const struct thread *thread, const struct access_state *state)
{
    if (LIKELY(!state->stack))
        return access_fast.top == access_fast.context_top;
    return state->stack == state->stack_present && access_fast.held == thread->held_hash &&
           state->segment == thread->segment && state->task == thread->task;
}

/* Makes it so; false if accesses cannot be recorded now. */
NOINLINE bool open_ready(struct thread *thread, struct access_state *state);
#define STORE_BARRIER() __asm__ volatile("" ::: "memory")

void open_flush(struct thread *thread, struct access_state *state);
/* Entries with a byte in [low, high) become records. */
void open_flush_range(struct thread *thread, struct access_state *state, uintptr_t low,
                      uintptr_t high);
/* A RANGE, ALLOC or FREE record. */
void open_put(struct thread *thread, struct access_state *state, struct trace_access *record);
/* One to be filled, behind open_sync(). */
static inline struct trace_access *open_record(struct access_state *state, uint32_t type)
{
    raw_zero(&state->record, offsetof(struct trace_access, push));
    state->record.type = type;
    return &state->record;
}
/* The same with a call stack of its own, outermost frame first, and nothing held. */
void open_put_with(struct thread *thread, struct access_state *state, struct trace_access *record,
                   const uint64_t *frames, uint32_t count);
/* In place of the id of a stack: that of the call of a library function, captured if a record needs it. Its innermost
 * return address is the pc of the record. */
#define ACCESS_STACK_OF_CALL UINT32_MAX
#define ACCESS_STACK_CALLED  (1u << 31) /* added to its id */
/* Return addresses of a stack, the innermost first, without the one that is the pc of the record. */
const uint64_t *open_frames(uint32_t stack, uint32_t *count);

/* What is recorded from here on was done with this call stack (stack_of(), stack_here()); 0: the shadow stack's. */
static inline void access_stack(struct access_state *state, uint32_t stack)
{
    if (state->stack != stack) {
        state->stack = stack;
        access_fast.context_top = NULL;
    }
}
static inline void access_stack_of_call(struct access_state *state, uintptr_t pc, uintptr_t frame)
{
    state->call_pc = pc;
    state->call_frame = frame;
    access_stack(state, ACCESS_STACK_OF_CALL);
}
/* Number of the present context, written if need be. After open_sync. */
uint32_t open_context(struct thread *thread, struct access_state *state);

/* park.c */
/* The entry is one of the parked now; false: it is still to be written. */
bool park_put(struct thread *thread, struct access_state *state, const struct trace_open *entry);
/* All parked become records. */
NOINLINE void park_write(struct thread *thread, struct access_state *state);
/* ... if one of them may be of the lines of [low, high). */
void park_write_range(struct thread *thread, struct access_state *state, uintptr_t low,
                      uintptr_t high);
/* ... if the context of one of them is that old. */
void park_write_old(struct thread *thread, struct access_state *state, uint32_t oldest);
/* The parked are the parent's, or those of a stream that is no more. */
void park_forget(struct access_state *state);

#define BATCH_MAX (TRACE_RECORD_MAX / (2 * LINE_PUT_MAX)) /* entries, of two records at most */

/* block.c: blocks allocated while there was one task, for the ALLOC records of those that live on. */
void block_add(struct thread *thread, uintptr_t address, size_t size, uint32_t kind, uintptr_t pc);
void block_remove(uintptr_t address);
/* At the first record of a process: writes ALLOC records for the blocks alive. After open_sync. */
void block_write(struct thread *thread, struct access_state *state);

#endif
