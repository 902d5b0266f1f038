/*
 * The trace: what the recorder (shim/) leaves and the analyzer reads. This file is the contract; docs/trace-format.md
 * says the same in prose. All numbers are little-endian; all structs have the layout of the x86-64 System V ABI and
 * their sizes are asserted below. A trace is one directory per process (mode 0700) that holds
 *
 *   process    one struct trace_process: who was recorded, how it ended, what was lost
 *   tasks      struct trace_task[]:    one slot per task, live (what `gorocheck status` reads); slot number = task id
 *   objects    struct trace_object[]:  one slot per synchronisation object; slot number = object id
 *   stacks     call stacks, u64 words: a stack id is a word index; word 0 = n frames (never 0), then n return addresses,
 *              innermost first
 *   modules    struct trace_module[]:  what was mapped where, with build-ids
 *   sync.N     stream of OS thread slot N: who is after whom, lock order, misuse
 *   access.N   stream of OS thread slot N: memory accesses, allocations
 *   executable the program's file, of a program that the go command built for one run and removes then
 *   failed     empty, if one of these could not be made; the tables are made in this order: process, ..., modules
 *
 * Every file begins with a struct trace_file_header. Table files (all but the streams) hold their slots from
 * TRACE_TABLE_OFFSET on; a slot whose state (first u32) is 0 was never written. Slot 0 is never used: id 0 is "none".
 * A stream is a row of chunks of whole records. The last one, which is being written, lies in the stream's *window*
 * (TRACE_SYNC_WINDOW, TRACE_ACCESS_WINDOW), the others from data_offset on, one behind the other. `used` of a chunk is
 * stored after the bytes it covers, so that whatever stops the program, the bytes up to `used` are whole records (x86
 * keeps the order of a thread's stores); the last of these, in an access stream, may be a count of records that still goes
 * up. A full window is copied behind the other chunks, then its `used` and `sequence`
 * change in one store: a chunk behind the others whose number the window still has is a copy not yet finished.
 *
 * Words: a *task* is a thread, goroutine or fiber. Its *segment* counts up from 1 at each release and at each acquire
 * that learned something; one segment has one vector clock. A pair (task, segment) names all that task did up to and
 * including that segment.
 */
#ifndef TRACE_FORMAT_H
#define TRACE_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_MAGIC         0x4b434f52u /* "ROCK" */
#define TRACE_VERSION       8u
#define TRACE_TABLE_OFFSET  4096u
#define TRACE_CHUNK_MAGIC   0x4b4e4843u /* "CHNK" */
#define TRACE_RECORD_MAX    1024u /* no record is longer; a chunk with less room than this is closed */
#define TRACE_CHUNK_MIN     4096u
#define TRACE_CHUNK_MAX     (1u << 20)
/* Where the window of a stream begins and how large it is at most, and data_offset. */
#define TRACE_SYNC_WINDOW   4096u
#define TRACE_SYNC_ROOM     (16u << 10)
#define TRACE_SYNC_OFFSET   (TRACE_SYNC_WINDOW + TRACE_SYNC_ROOM)
#define TRACE_ACCESS_WINDOW 8192u
#define TRACE_ACCESS_ROOM   (256u << 10)
#define TRACE_PARK_OFFSET   (TRACE_ACCESS_WINDOW + TRACE_ACCESS_ROOM) /* struct trace_parked[] */
#define TRACE_PARK_ENTRIES  4096u
#define TRACE_ACCESS_OFFSET (TRACE_PARK_OFFSET + TRACE_PARK_ENTRIES * 32u)
#define TRACE_HELD_MAX \
    16u /* held objects a record or a task slot can list; more are counted, not listed */
#define TRACE_STACK_DEPTH 64u /* frames of one stack in the `stacks` file */

enum trace_file_kind {
    TRACE_FILE_PROCESS = 1,
    TRACE_FILE_TASKS,
    TRACE_FILE_OBJECTS,
    TRACE_FILE_STACKS,
    TRACE_FILE_MODULES,
    TRACE_FILE_SYNC,
    TRACE_FILE_ACCESS,
};

struct trace_file_header {
    uint32_t magic;
    uint16_t version;
    uint16_t kind;        /* enum trace_file_kind */
    uint32_t slot_size;   /* of a table; 0 for streams */
    uint32_t data_offset; /* where slots or chunks begin */
    uint32_t pid;
    uint32_t stream;   /* N of sync.N and access.N */
    uint64_t start_ns; /* CLOCK_REALTIME when the trace began: the same in all its files */
};
static_assert(sizeof(struct trace_file_header) == 32, "header");

struct trace_chunk_header {
    uint32_t magic;
    uint32_t size;     /* of the whole chunk, with this: TRACE_CHUNK_MIN..MAX, a multiple of 4096 */
    uint32_t used;     /* bytes of records behind this header that are complete */
    uint32_t sequence; /* 0, 1, 2... within its stream */
};
static_assert(sizeof(struct trace_chunk_header) == 16, "chunk header");
static_assert(offsetof(struct trace_chunk_header, used) % 8 == 0, "used and sequence: one store");

/* ---- process ---- */

enum trace_end {
    TRACE_END_NONE,   /* still running, or SIGKILL, or the power went */
    TRACE_END_EXIT,   /* exit() or return from main: end_code is the status */
    TRACE_END_QUICK,  /* quick_exit */
    TRACE_END_UNDER,  /* _exit, _Exit */
    TRACE_END_SIGNAL, /* a fatal signal (abort included): end_code is its number */
    TRACE_END_EXEC,   /* replaced itself by exec */
    TRACE_END_OFF,    /* the recorder gave up: off_reason says why */
};

/* Bits of trace_process.flags */
#define TRACE_PROCESS_ACCESSES  1u  /* some module is instrumented: accesses were recorded */
#define TRACE_PROCESS_FORKED    2u  /* began by fork, not by exec */
#define TRACE_PROCESS_ASLEEP    4u  /* Go's runtime ended it: no goroutine could go on */
#define TRACE_PROCESS_IO_URING  8u  /* it used io_uring, which is not observed */
#define TRACE_PROCESS_GO_PARTLY 16u /* unknown libgo: not looked up who can end whose wait */
#define TRACE_PROCESS_MADE_CODE 32u /* it made code at run time, which is not patched */
#define TRACE_PROCESS_OWN_HEAP  64u /* malloc is not the recorder's: blocks were not seen */
#define TRACE_PROCESS_SHARES    128u /* memory that it writes was, or could be, other processes' too */
#define TRACE_PROCESS_PAIRS     256u /* cmpxchg16b was patched: aligned moves may be atomic, too */

/* Bits of trace_process.full */
#define TRACE_FULL_SLOWED       1u /* threads waited */
#define TRACE_FULL_SAMPLED      2u /* accesses were left out for a while */
#define TRACE_FULL_DROPPED      4u /* ... from then on */

struct trace_process {
    uint32_t state; /* 1 */
    uint32_t flags;
    uint32_t pid, parent_pid;
    uint64_t start_ns;  /* CLOCK_REALTIME */
    uint64_t start_tsc; /* rdtsc at start_ns: all times in the trace are TSC ticks */
    uint64_t end_ns;    /* 0 while running */
    uint64_t end_tsc;
    uint64_t tsc_hz; /* measured at the end, 0 if unknown (then start/end pairs tell) */
    uint32_t end;    /* enum trace_end */
    int32_t end_code;
    uint32_t end_task; /* the task that ended it */
    uint32_t end_stack;
    uint64_t lost_sync; /* records that could not be written */
    uint64_t lost_access;
    uint64_t lost_tasks; /* tasks, objects, stacks for which no slot could be had */
    uint64_t lost_objects;
    uint64_t lost_stacks;
    uint64_t events;     /* synchronisation calls seen (summed at thread ends and at the end) */
    uint32_t streams;    /* sync.0 .. sync.(streams-1) may exist */
    uint32_t lost_errno; /* first error of the file system: ENOSPC... */
    char off_reason[128];
    char executable[512];
    char command[1024];     /* arguments, each ended by NUL, truncated */
    char options[512];      /* GOROCHECK_OPTIONS as given */
    char directory[408];    /* working directory at the start */
    char patch_refused[96]; /* why modules that were to be patched could not be */
    uint64_t goroutines;    /* made, also those whose slots others have now */
    /* Of a trace that is analyzed while it is written (`gorocheck run`), and of one that would grow too large: */
    uint64_t written;   /* bytes of all its files so far */
    uint64_t digested;  /* of these, what the analyzer has read and deleted; only it writes this */
    uint64_t waited_ns; /* what threads waited for the analyzer, in all */
    uint32_t reader;    /* pid of the analyzer, 0 none */
    uint32_t full;      /* TRACE_FULL_*: what was done when the trace came to max_disk */
};
static_assert(sizeof(struct trace_process) == 2848, "process");

/* ---- tasks ---- */

enum trace_task_state {
    TRACE_TASK_UNUSED,
    TRACE_TASK_CREATED, /* not yet running */
    TRACE_TASK_RUNNING,
    TRACE_TASK_BLOCKED, /* in `primitive` on `object` since `since_tsc` */
    TRACE_TASK_ENDED,
};

enum trace_task_kind {
    TRACE_TASK_THREAD = 1,
    TRACE_TASK_GOROUTINE,
    TRACE_TASK_FIBER,
    TRACE_TASK_CLOCK
};
/* A TRACE_TASK_CLOCK is no task: an object whose many releasers are folded into one component (see TRACE_SYNC_FOLD). */

enum trace_task_exit {
    TRACE_EXIT_NONE,
    TRACE_EXIT_RETURN,
    TRACE_EXIT_PTHREAD_EXIT,
    TRACE_EXIT_CANCELED
};

/* Bits of trace_task.flags */
#define TRACE_TASK_DETACHED    1u
#define TRACE_TASK_JOINED      2u
#define TRACE_TASK_FOREIGN     4u /* not made by a function that is intercepted: creation unknown */
#define TRACE_TASK_TIMED       8u /* the present wait has a deadline */
#define TRACE_TASK_MAIN        16u
#define TRACE_TASK_CANCEL_SENT 32u
#define TRACE_TASK_SYSTEM      64u /* of a language's runtime: carries others, collects garbage... */
/* goroutine, fiber: that its stack is new memory is in some access stream; main: its blocks are */
#define TRACE_TASK_STACK_SEEN  128u
/* goroutine: who can reach what it waits for was looked up at the end: nobody, or ... */
#define TRACE_TASK_REACH_KNOWN 256u
#define TRACE_TASK_REACHED     512u  /* ... the program's variables; if not KNOWN they may */
#define TRACE_TASK_REACHED_BY  1024u /* ... the stack of a task that can go on */
#define TRACE_TASK_IN_CALL     2048u /* goroutine: within a system call or C at the end */
#define TRACE_TASK_PANICKED \
    4096u /* goroutine: its panic ended the process; exit_stack says where */
#define TRACE_TASK_THREW \
    8192u /* goroutine: an error of the runtime, which cannot be recovered, likewise */
/* goroutine: at the end it ran, and went on to use the processor without waiting; exit_stack is a sample of its stack */
#define TRACE_TASK_AT_WORK   16384u
#define TRACE_TASK_DEFERS    32768u  /* goroutine: had deferred calls left to make at the end */
#define TRACE_TASK_ASKED     65536u  /* goroutine: has tried to receive or select without waiting */
#define TRACE_TASK_READY     131072u /* at the end: what it waits for in the kernel had come */
/* goroutine that has not begun: what it was made with leads to a channel that is closed */
#define TRACE_TASK_TOLD      262144u
/* goroutine: calls the program's finalizers, and waits in one at the end; else it is of the SYSTEM */
#define TRACE_TASK_FINALIZES 524288u

struct trace_held {
    uint32_t object;
    uint32_t stack; /* where it was acquired */
    uint32_t mode;  /* enum trace_mode */
    uint32_t count; /* recursion, or how often this task holds it for reading */
};

enum trace_mode { TRACE_MODE_EXCLUSIVE = 1, TRACE_MODE_SHARED = 2 };

struct trace_task {
    uint32_t state; /* enum trace_task_state, stored last */
    uint32_t kind;
    uint32_t flags;
    uint32_t os_tid;
    uint32_t parent;
    uint32_t create_stack;
    uint64_t parent_segment; /* of the parent at creation */
    uint64_t entry;          /* start routine */
    uint64_t handle;         /* pthread_t; goroutine: its number */
    uint64_t stack_low, stack_high;
    uint64_t segment; /* present segment */
    uint64_t create_tsc, end_tsc;
    uint32_t exit; /* enum trace_task_exit */
    uint32_t exit_stack;
    uint32_t joined_by, join_stack;
    uint32_t object;    /* waited for (valid while BLOCKED) */
    uint32_t object2;   /* the mutex of a condition wait */
    uint32_t primitive; /* enum trace_primitive of primitives.def */
    uint32_t wait_stack;
    uint64_t since_tsc;
    uint64_t wait_value; /* barrier: its round, from 1 (0: not known); join: task id awaited */
    uint32_t held_count; /* may exceed TRACE_HELD_MAX: the rest is not listed */
    uint32_t reserved;
    char name[16];
    struct trace_held held[TRACE_HELD_MAX];
    uint32_t list; /* in a select: its cases, as a list in `stacks`: object id << 1, +1 to send */
    uint32_t wait_reason; /* goroutine: what the runtime says, a number of its own */
    /* Texts, as lists in `stacks`, 8 bytes a word: */
    uint32_t test;    /* goroutine: name of the test that it, or an ancestor, was made for */
    uint32_t message; /* goroutine that PANICKED or THREW: what it said, where it is known */
    uint8_t pad[80];
};
static_assert(sizeof(struct trace_task) == 512, "task");

/* ---- objects ---- */

#define TRACE_OBJECT_KINDS(X)     \
    X(MUTEX, "mutex")             \
    X(RWLOCK, "rwlock")           \
    X(SPIN, "spin lock")          \
    X(COND, "condition variable") \
    X(BARRIER, "barrier")         \
    X(SEMAPHORE, "semaphore")     \
    X(ONCE, "once")               \
    X(ATOMIC, "atomic")           \
    X(TASK, "task")               \
    X(SIGNAL, "signal")           \
    X(PROCESS, "process")         \
    X(FD, "descriptor")           \
    X(PIPE, "pipe")               \
    X(SOCKET, "socket")           \
    X(EVENTFD, "eventfd")         \
    X(QUEUE, "message queue")     \
    X(SEMSET, "semaphore set")    \
    X(FUTEX, "futex")             \
    X(CHANNEL, "channel")         \
    X(WAITGROUP, "wait group")    \
    X(JOB, "pool task")           \
    X(IGNORED, "ignored range")   \
    X(FILE, "file lock")

enum trace_object_kind {
    TRACE_OBJECT_NONE,
#define X(name, text) TRACE_OBJECT_##name,
    TRACE_OBJECT_KINDS(X)
#undef X
        TRACE_OBJECT_KIND_COUNT
};

/*
 * PIPE, SOCKET (one direction), EVENTFD and QUEUE are *conduits*: what bytes or counts go through, by way of the kernel.
 * FD stands for a number, and for waits that have no conduit within the process.
 */
#define TRACE_FDS(X)               \
    X(UNKNOWN, "descriptor")       \
    X(PLAIN, "file")               \
    X(PIPE, "pipe")                \
    X(SOCKET, "socket")            \
    X(LISTEN, "listening socket")  \
    X(DATAGRAM, "datagram socket") \
    X(EVENT, "eventfd")            \
    X(TIMER, "timerfd")            \
    X(SIGNALS, "signalfd")         \
    X(EPOLL, "epoll set")          \
    X(QUEUE, "message queue")      \
    X(OTHER, "descriptor")

enum trace_fd {
#define X(name, text) TRACE_FD_##name,
    TRACE_FDS(X)
#undef X
        TRACE_FD_COUNT
};

enum trace_object_state {
    TRACE_OBJECT_UNUSED,
    TRACE_OBJECT_LIVE,
    TRACE_OBJECT_DESTROYED,
    TRACE_OBJECT_FREED
};

/*
 * Slots of objects that ended are used again, for locks, conditions and the like; so what records name is not the slot
 * but the object: slot | generation << TRACE_OBJECT_SLOT_BITS. If the slot's generation is another, the object is gone.
 * The tables themselves, which speak of what is there now, hold slots.
 */
#define TRACE_OBJECT_SLOT_BITS   20u
#define TRACE_OBJECT_GENERATIONS 4096u

/* Bits of trace_object.flags */
#define TRACE_OBJECT_INIT_SEEN   1u /* by an init call; else static or unseen */
#define TRACE_OBJECT_RECURSIVE   2u
#define TRACE_OBJECT_ERRORCHECK  4u
#define TRACE_OBJECT_ROBUST      8u
#define TRACE_OBJECT_INHERIT     16u /* priority inheritance */
#define TRACE_OBJECT_SHARED      32u /* other processes may use it: the other side is not seen */
#define TRACE_OBJECT_PARENT_HELD \
    64u /* held, at fork, by a thread that does not exist in this process */
#define TRACE_OBJECT_INHERITED \
    256u /* from before the fork: the child may initialise it anew, whoever holds it */
#define TRACE_OBJECT_INCONSISTENT 128u /* robust, owner died, not yet consistent */
#define TRACE_OBJECT_CLOSED       512u /* channel; FD: the number was given up and not yet given again */
#define TRACE_OBJECT_NAMED        2048u /* in a record of lock order or misuse */
#define TRACE_OBJECT_OF_LOCK \
    4096u /* ATOMIC: a word of a lock of the program's own: acquired by who was taking it */
#define TRACE_OBJECT_GO     1024u /* of Go's library: a mutex may be unlocked by another task */

/* trace_object.value of a QUEUE or SEMSET: whether other processes can open it by a name (or key). */
#define TRACE_NAME_NEVER    0
#define TRACE_NAME_NOW      1
#define TRACE_NAME_BEFORE   2

/* Bits of trace_object.value of a JOB: how far it has come since it was submitted. */
#define TRACE_JOB_SUBMITTED 1
#define TRACE_JOB_STARTED   2
#define TRACE_JOB_FINISHED  4
#define TRACE_JOB_AWAITED   8

struct trace_object {
    /* What a lock and its unlock touch: one cache line. */
    uint32_t state;      /* enum trace_object_state, stored last at creation */
    uint16_t kind;       /* enum trace_object_kind */
    uint16_t generation; /* how often the slot was used before, modulo TRACE_OBJECT_GENERATIONS */
    uint64_t address;    /* FD: number of the descriptor; conduits and SEMSET: what identifies it */
    uint32_t flags;
    uint32_t create_stack; /* of the init call, else of first use */
    uint32_t owner;        /* exclusive holder, 0 none */
    uint32_t owner_count;  /* recursion depth. Conduit: descriptors that write to it here */
    uint32_t owner_stack;
    uint32_t last_owner;  /* who held it last */
    uint64_t recorder[3]; /* the recorder's own: clocks and links; readers ignore it */
    uint32_t readers; /* shared holders now. Conduit: descriptors of this process that read it */
    uint32_t waiters; /* tasks in a wait on it now */
    int64_t
        value; /* semaphore: last known count; barrier: parties; condition: untimed waits that no
 signal was sent for yet; FD: enum trace_fd; channel: elements; wait group: count; IGNORED: bytes; SIGNAL: number, 0 of what sigwait takes; JOB: TRACE_JOB_ bits; QUEUE, SEMSET: TRACE_NAME_; FILE: the recorder's own */
    uint64_t posts;   /* signals, posts, arrivals, releases; channel: sends */
    uint64_t unheard; /* condition: signals that met no waiter; channel, QUEUE: receives */
    uint64_t last_post_tsc;
    union {
        uint64_t unheard_tsc;
        uint64_t capacity; /* channel */
    };
    uint32_t last_post_task, last_post_stack;
    uint32_t unheard_task, unheard_stack;
    uint32_t create_task;         /* as create_stack */
    uint32_t end_task, end_stack; /* who destroyed it or freed its memory */
    uint32_t
        mutex; /* condition: the mutex it was last waited with. Others: their name, as a list in `stacks`, 8 bytes a word */
    uint64_t end_tsc;
    uint64_t recorder_more[5];
};
static_assert(sizeof(struct trace_object) == 192, "object");

/* ---- modules ---- */

#define TRACE_MODULE_MAIN      1u
#define TRACE_MODULE_ABI       2u /* instrumented: its accesses were recorded */
#define TRACE_MODULE_TRUNCATED 4u /* path does not fit */
#define TRACE_MODULE_RUNTIME   8u /* the recorder itself */
/* Patched at load: its loads and stores were recorded as the machine makes them. The pc of such a LINE record is the
 * address of the instruction plus 1, so that subtracting 1 (as from a return address) gives the instruction. */
#define TRACE_MODULE_PATCHED   16u
#define TRACE_MODULE_GO        64u /* has the note of Go's own compiler */
#define TRACE_MODULE_REFUSED   32u /* was to be patched, but could not be: `refused` says why */

struct trace_module {
    uint32_t state; /* 1 */
    uint32_t flags;
    uint64_t low, high;            /* mapped addresses */
    uint64_t bias;                 /* address in memory minus address in the file's headers */
    uint64_t load_tsc, unload_tsc; /* unload 0: still there */
    uint32_t build_id_size;
    uint8_t build_id[36];
    uint32_t candidates; /* PATCHED: instructions that may touch memory of other tasks */
    uint32_t seen;       /* of those, how many are recorded; the others stayed as they were */
    uint32_t refused;    /* REFUSED: why, see refused.def */
    uint32_t uncalled;   /* PATCHED: functions that were never called: nothing is known of them */
    char path[408];
};
static_assert(sizeof(struct trace_module) == 512, "module");

/* Were the accesses of its code recorded? */
static inline int trace_module_recorded(const struct trace_module *module)
{
    return (module->flags & (TRACE_MODULE_ABI | TRACE_MODULE_PATCHED)) != 0;
}

/* ---- sync stream ---- (codec.h writes and reads these) */

enum trace_sync_type {
    TRACE_SYNC_SWITCH = 1, /* the stream now carries this task, from this segment on */
    TRACE_SYNC_EDGE, /* the task, from segment `segment` on, is after (from, from_segment), by object, at pc */
    TRACE_SYNC_FOLD, /* clock `task` (a TRACE_TASK_CLOCK), from its `segment` on, is after (from, from_segment);
                      * so is a goroutine that the writer has made */
    TRACE_SYNC_ORDER, /* object was locked in mode while `held` were held; nothing of this kind seen here before */
    TRACE_SYNC_MISUSE, /* detail says which (enum trace_misuse) */
    TRACE_SYNC_LOST,   /* `value` records are missing here */
    TRACE_SYNC_LAST = TRACE_SYNC_LOST,
};

#define TRACE_MISUSES(X)                                                  \
    X(DESTROY_LOCKED, "destroy of a locked")                              \
    X(DESTROY_WAITED, "destroy while a task waits on a")                  \
    X(UNLOCK_NOT_OWNER, "unlock by a task that does not hold the")        \
    X(UNLOCK_NOT_LOCKED, "unlock of an unlocked")                         \
    X(EXIT_HOLDING, "task ended while it held a")                         \
    X(UPGRADE, "write lock requested while holding for reading the same") \
    X(WAIT_WITHOUT_MUTEX, "wait without holding the mutex of a")          \
    X(TWO_MUTEXES, "waits with two different mutexes on one")             \
    X(DOUBLE_INIT, "second initialisation of a live")                     \
    X(USE_AFTER_DESTROY, "use after destroy of a")                        \
    X(FREED_HELD, "memory freed that contains a locked")                  \
    X(FORK_HELD, "fork while another task holds a")                       \
    X(JOIN_SELF, "join of itself by a")                                   \
    X(JOIN_TWICE, "second join of a")                                     \
    X(JOIN_DETACHED, "join of a detached")                                \
    X(DETACH_TWICE, "second detach of a")                                 \
    X(BARRIER_IN_USE, "init or destroy while tasks wait at a")            \
    X(RELOCK_SELF, "lock by the task that holds it already of a")         \
    X(NOT_RECOVERABLE, "robust state never made consistent of a")         \
    X(RUNLOCK_NOT_LOCKED, "read unlock of an unlocked")                   \
    X(BELOW_ZERO, "more Done than Add calls of a")                        \
    X(GROUP_REUSED, "Add while others return from Wait of a")             \
    X(COPIED, "use of a copied")                                          \
    X(SEND_CLOSED, "send on a closed")                                    \
    X(CLOSE_TWICE, "second close of a")

enum trace_misuse {
    TRACE_MISUSE_NONE,
#define X(name, text) TRACE_MISUSE_##name,
    TRACE_MISUSES(X)
#undef X
        TRACE_MISUSE_COUNT
};

struct trace_sync {
    uint32_t type;    /* enum trace_sync_type */
    uint32_t task;    /* whose event: set by SWITCH (by FOLD: the clock) */
    uint64_t segment; /* of that task */
    uint32_t from;    /* EDGE, FOLD: the task before */
    uint64_t from_segment;
    uint32_t object;
    uint32_t mode, detail;            /* ORDER: enum trace_mode; MISUSE: enum trace_misuse */
    uint32_t stack;                   /* ORDER, MISUSE */
    uint32_t other_task, other_stack; /* MISUSE: the holder, the first init..., 0 if none */
    uint64_t pc;                      /* EDGE: return address of the acquiring call */
    uint64_t value;                   /* LOST */
    uint32_t held_count;              /* ORDER: at most TRACE_HELD_MAX */
    struct trace_held held[TRACE_HELD_MAX];
    uint64_t since[TRACE_HELD_MAX]; /* ORDER: the segment in which held[i] was locked */
};

/* ---- access stream ---- */

enum trace_access_type {
    TRACE_ACCESS_SWITCH = 1, /* task, segment */
    TRACE_ACCESS_SEGMENT,    /* the task is now in `segment` */
    TRACE_ACCESS_CONTEXT,    /* call stack and held set changed: next context number */
    TRACE_ACCESS_LINE, /* bytes `mask` of the 64-byte line at `address`, `run` further lines `stride` apart alike */
    TRACE_ACCESS_RANGE, /* `size` bytes at `address` */
    TRACE_ACCESS_ALLOC, /* a block came to life: what was known of its bytes is of another generation */
    TRACE_ACCESS_FREE, /* the block at `address` (size known from its ALLOC, else `size`) ended: a write to all of it */
    TRACE_ACCESS_LOST, /* `size` records are missing here */
    TRACE_ACCESS_TIME, /* all accesses of the present segment were made after `tsc`, all of earlier ones before */
    TRACE_ACCESS_LAST = TRACE_ACCESS_TIME,
};

/* What an access is. kind byte: bits 0..3 flags, bits 4..7 log2 of the access size (0..6; 7, 8: 16 bytes at once), 15 = varies; 14 (LINE, with
 * sites=first): pc, context are of the first of several accesses, by this task in this segment, of bytes `mask` */
#define TRACE_KIND_WRITE      1u
#define TRACE_KIND_ATOMIC     2u
#define TRACE_KIND_RANGE      4u /* by memcpy and the like, not by a load or store of its own */
#define TRACE_KIND_VPTR       8u
#define TRACE_KIND_FLAGS      15u
/* Of a patched module: ATOMIC alone is a LOCKed instruction or xchg; both these bits are a plain load or store of a byte
 * that a LOCKed instruction, a futex call or a once guard had marked before, in this generation of its memory. */
#define TRACE_KIND_MARKED     (TRACE_KIND_ATOMIC | TRACE_KIND_VPTR)
/* Of a patched module, recorded as a write: the instruction reads and writes, and has no LOCK. */
#define TRACE_KIND_BOTH       TRACE_KIND_VPTR
#define TRACE_KIND_SIZE(kind) ((kind) >> 4)
#define TRACE_SIZE_WHOLE      7u /* 16 bytes, by cmpxchg16b or an aligned move; by one of AVX: */
#define TRACE_SIZE_AVX        8u
#define TRACE_SIZE_SEVERAL    14u

enum trace_alloc { TRACE_ALLOC_HEAP = 1, TRACE_ALLOC_MAP, TRACE_ALLOC_STACK };

/* A context is a call stack (as pushes and pops on the one before) and the set of held objects. Contexts are numbered
 * from 0 (empty stack, nothing held) in each stream by SWITCH; a LINE record may name one up to TRACE_CONTEXT_WINDOW back. */
#define TRACE_CONTEXT_WINDOW   4096u
#define TRACE_CONTEXT_PUSH_MAX 64u   /* in one record; deeper changes take several records */
#define TRACE_SITES            4096u /* entries of the site dictionary of a stream */
#define TRACE_RUN_MAX \
    (1u << 14) /* lines: so that one damaged number does not cost a reader hours */
#define TRACE_RANGE_MAX (1u << 20) /* bytes, likewise; more takes several records */

struct trace_access {
    uint32_t type; /* enum trace_access_type */
    uint32_t kind; /* LINE, RANGE: TRACE_KIND_*; ALLOC, FREE: enum trace_alloc */
    uint32_t task;
    uint32_t context; /* LINE, RANGE, ALLOC, FREE: context number */
    uint64_t segment;
    uint64_t address;
    uint64_t mask;
    uint64_t size;
    uint64_t pc;
    uint64_t tsc;   /* ALLOC, FREE, TIME */
    uint64_t run;   /* LINE: further lines */
    int64_t stride; /* LINE: in lines */
    /* CONTEXT: the stack is that of an earlier context, and changed by these. */
    uint32_t pops, pushes;
    uint32_t held_changed; /* CONTEXT: 1 if held[] replaces the held set */
    uint32_t held_count;
    /* CONTEXT, read: whose stack it begins with, and whose held set it has if that is not told, in contexts. */
    uint32_t stack_of, held_of;
    /* CONTEXT, to be written: what is the same has the same name; 0 if it has none. */
    uint64_t stack_name, held_name;
    uint64_t push[TRACE_CONTEXT_PUSH_MAX];  /* outermost first */
    struct trace_held held[TRACE_HELD_MAX]; /* object and mode only */
};

/*
 * The open table: records still being merged lie in the header of the access stream, from TRACE_OPEN_OFFSET on, so that
 * a SIGKILL loses none. An entry with mask 0 is empty. They belong to the stream's last task and segment.
 */
#define TRACE_OPEN_OFFSET  64u
#define TRACE_OPEN_ENTRIES 128u
struct trace_open {
    uint64_t mask; /* cleared first, stored last */
    uint64_t line; /* address of the (last) line */
    uint64_t pc;
    uint64_t run_mask; /* of the lines before `line` that this entry also stands for */
    uint32_t
        run; /* how many they are; the one nearest to `line` is `stride` lines before it, and so on */
    int8_t stride;   /* 1 or -1 */
    uint8_t near[3]; /* the recorder's own: not 0, and patched code may add bytes of `line` */
    uint8_t kind;
    uint8_t reserved2[3];
    uint32_t context;
};
static_assert(sizeof(struct trace_open) == 48, "open");
static_assert(TRACE_OPEN_OFFSET + TRACE_OPEN_ENTRIES * sizeof(struct trace_open) <=
                  TRACE_ACCESS_WINDOW,
              "open table");

/*
 * The parked: records of one line that their site has left, and may come back to. They lie between the window and the
 * chunks of the access stream, and are read like entries of the open table, and after these. Where nothing was ever
 * parked the file is shorter, or has a hole there.
 */
struct trace_parked {
    uint64_t mask; /* 0: empty; stored last */
    uint64_t line; /* its address */
    uint64_t pc;
    uint32_t context;
    uint8_t kind;
    uint8_t reserved;
    uint16_t site; /* the recorder's own */
};
static_assert(sizeof(struct trace_parked) * TRACE_PARK_ENTRIES ==
                  TRACE_ACCESS_OFFSET - TRACE_PARK_OFFSET,
              "parked");

#endif
