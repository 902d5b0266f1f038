/*
 * What every part of the recorder shares: the thread, the guard, the raw basics.
 *
 * Rules of life inside a host (docs/design.md): fail open; no malloc, stdio, exit, assert (shim/banned.h); raw system
 * calls only; errno is the caller's; no lock of ours is held across a real call.
 *
 * The guard: a wrapper calls thread_enter() before it touches any state of ours and thread_leave() before it calls the
 * real function or returns. Between the two no signal handler of the host runs in this thread (signal.c defers it to
 * thread_leave), so that what lies between is never reentered. thread_enter() returns NULL if the recorder is off, or
 * if it was called by ourselves: then the wrapper only calls the real function.
 */
#ifndef SHIM_SHIM_H
#define SHIM_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/codec.h"
#include "trace/format.h"
#include "trace/primitives.h"

#define EXPORT      __attribute__((visibility("default")))
/* A variable declared so is read by its distance; otherwise its address is loaded first, wherever it is defined
 * (-fvisibility=hidden is of definitions only). */
#define INNER       __attribute__((visibility("hidden")))
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define NOINLINE    __attribute__((noinline))
#define RETURN_PC   ((uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

struct access_state; /* shim/access.h */
struct stack_cache;  /* shim/stack.c */
struct object;       /* shim/object.h */
struct go;           /* shim/go.h */

/* A chunk file being written by one thread: see stream.c. */
struct stream {
    uint8_t *next, *limit; /* where the next record begins; a record may begin before `limit` */
    struct trace_chunk_header *chunk; /* being written: the window; NULL before the first record */
    void *header;                     /* mapped file header, open table and window, or NULL */
    uint64_t offset;                  /* in the file, where the chunk will go when it is full */
    bool anonymous;                   /* the chunk is memory only: the trace is not on disk yet */
    uint32_t kind;                    /* enum trace_file_kind */
    uint32_t index;                   /* N of sync.N */
};

#define SEEN_ENTRIES 128u
/* The newest segment of `task` that the task `owner` is known to be after. Direct-mapped, forgetting is harmless; what was
 * learnt by a task that this OS thread carried before stays true. */
struct seen {
    uint32_t task, owner;
    uint64_t segment;
};

#define HELD_ENTRIES 64u
struct held {
    struct object *object;
    uint64_t before; /* held_hash without this one and those after it */
    uint32_t stack;
    uint16_t mode; /* enum trace_mode */
    uint16_t count;
    uint64_t since; /* the segment in which it was acquired */
};

#define OBJECT_CACHE   2048u

#define MEANING_OTHERS (TRACE_STACK_DEPTH - 1)
/* What the task said that it is about to do (gorocheck.h): waits on conditions and the like are then part of that. */
struct meaning {
    struct object *object; /* NULL: nothing was said */
    uint32_t primitive, stack;
    uint32_t *
        others; /* of a select: the channels named before, id << 1 | sends; room for MEANING_OTHERS, or NULL */
    uint32_t other_count;
    bool shown;  /* the task is marked as blocked in it, by a wait that we see */
    bool marked; /* ... because it said so */
};

/* It is over, or another begins: the room for a select's channels is kept. */
static inline void meaning_set(struct meaning *meaning, struct object *object, uint32_t primitive,
                               uint32_t stack)
{
    *meaning = (struct meaning){
        .object = object, .primitive = primitive, .stack = stack, .others = meaning->others};
}

struct thread {
    /* What every lock and unlock touches: one cache line. */
    uint32_t busy; /* the guard */
    uint32_t
        deferred; /* signals that wait for thread_leave. Code within programs knows these two */
    uint64_t held_hash; /* of held[] */
    uintptr_t within; /* frame of the wrapper whose real function runs now: patch_access.c; or 0 */
    uint64_t segment;
    struct trace_task *record;   /* the live slot of the task */
    struct access_state *access; /* NULL until the first recorded access */
    struct stack_cache *stacks;
    uint64_t events;                  /* synchronisation calls, for the statistics */
    uint32_t task;                    /* id */
    uint32_t held_count, held_beyond; /* of held[]; of those for which it had no room */
    struct held held[HELD_ENTRIES];
    uint32_t slot; /* N of the streams */
    uint64_t made; /* its segment when it last made a task */
    struct seen seen[SEEN_ENTRIES];
    uint32_t object_ids[OBJECT_CACHE]; /* of objects met lately: object_cached */
    struct stream sync, access_stream;
    struct trace_sync_codec sync_codec;
    uintptr_t free_pc, free_frame; /* the caller of the free under way, for call_freed */
    struct go *go,
        *go_own; /* Go (shim/go.h): what runs here now, and the OS thread's own; else NULL */
    struct object *channel; /* of Go: that a value went through last */
    struct meaning meaning;
    struct thread *next_free;
    uint32_t ended;
    uint32_t ignores_sync; /* parts whose order does not count, nested */
    /* See outside.c. */
    uint64_t told_segment;
    uint32_t told_task, learned, learned_task;
};

extern __thread struct thread *thread_current; /* NULL: not attached; THREAD_GONE: never again */
#define THREAD_NONE 1u                         /* thread_current up to here is no thread */
#define THREAD_GONE ((struct thread *)THREAD_NONE)

/* In a page that the kernel wipes in a fork child, however the fork was made: there it is SHIM_UNBORN again. */
enum shim_state { SHIM_UNBORN, SHIM_ON, SHIM_ENDED, SHIM_OFF };
extern volatile uint32_t shim_life[1024] INNER;
#define shim_state    (shim_life[0])
#define confined_here (shim_life[1]) /* see confine.h: it was this process that was confined */

/* Slow path of thread_enter: a first call, a foreign thread, a fork child. NULL: pass through. */
struct thread *thread_attach(void);
void thread_deliver(
    struct thread *thread); /* slow path of thread_leave: deferred signals. Keeps errno. */

static inline struct thread *thread_enter(void)
{
    struct thread *thread = thread_current;
    if (UNLIKELY((uintptr_t)thread <= THREAD_NONE || thread->busy || shim_state != SHIM_ON))
        return thread_attach();
    thread->busy = 1;
    __asm__ volatile("" ::: "memory");
    return thread;
}

static inline void thread_leave(struct thread *thread)
{
    __asm__ volatile("" ::: "memory");
    thread->busy = 0;
    __asm__ volatile("" ::: "memory");
    if (UNLIKELY(thread->deferred))
        thread_deliver(thread);
}

/* Time stamps of the trace. */
static inline uint64_t tsc_now(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* Stops recording for good; the host goes on. `reason` goes into the trace and, once, to stderr. */
void shim_off(const char *reason);

/* One short message on stderr ("gorocheck: ..."), at most 16 in a process; parts up to a NULL are put together. */
/* For wrappers that may call the real function without thread_enter(): in a constructor that runs before ours there is none
 * known yet. */
void shim_awake(void);
void shim_message(const char *part, ...) __attribute__((sentinel));

/* Memory for the recorder itself: zeroed, never given back (use pools); NULL when the system refuses. */
void *memory_get(size_t size);
/* The same, pages of its own from a huge page's boundary on; `size`: whole pages. */
void *memory_get_aligned(size_t size);
/* What is read here and there all the time: in huge pages, if the system has them. */
void memory_huge(void *pages, size_t size);
void memory_fork_child(void);

#endif
