/*
 * Go programs built by gccgo, observed through their runtime, libgo (docs/goroutines.md). A goroutine is a task; an OS
 * thread carries one at a time.
 *
 * The seam: `struct thread` holds the state of the task that runs on it now (task, record, segment, held[]). runtime.gogo
 * switches to a goroutine or back to the scheduler, runtime.mcall to the scheduler: go_switch() puts the state of the old
 * one away and takes out that of the new one. So everything else in the recorder, C's primitives included, need not know
 * of goroutines. A wrapper that may block begins in one OS thread and ends in another: nothing it found out about its
 * thread before the real call holds afterwards, and no address of a thread-local variable may be kept across it. That is
 * why such wrappers consist of calls of functions that are not inlined, or touch nothing of the thread's afterwards.
 */
#ifndef SHIM_GO_H
#define SHIM_GO_H

#include "shim/object.h"
#include "shim/shim.h"

/* What functions of libgo take and return. */
struct go_received {
    bool selected, received;
};
struct go_selected {
    intptr_t index;
    bool received;
};
struct go_slice {
    void *items;
    intptr_t count, capacity;
};
struct go_case {
    void *channel, *element;
};

/* The functions behind our wrappers; all NULL in a process without libgo. */
struct go_real {
#define GO(id, symbol, ret, params, kind, verb) ret(*id) params;
#include "trace/go.def"
#undef GO
};
extern struct go_real go_real;

/* Where libgo keeps what we look at, read from its own type descriptors. */
struct go_layout {
    ptrdiff_t g; /* of the pointer to the running g, from the thread pointer */
    uint32_t g_status, g_id, g_wait_reason, g_system, g_finalizer, g_context, g_entry, g_m, g_defer,
        g_panic, g_parameter, g_call_registers, m_call, defer_link;
    uint32_t panic_value, panic_link, panic_recovered, panic_goexit;
    uint32_t channel_count, channel_capacity, channel_closed, channel_lock, channel_senders,
        channel_receivers;
    uint32_t waiter_g;
    uint64_t g_size, m_size, p_size;
    uint32_t m_p, m_next, p_next, p_tick, p_timers, timer_argument, timer_status;
    uint32_t span_start, span_size, span_class, span_specials;
    uint32_t special_next, special_offset, special_kind, special_function; /* finalizers, and ... */
    uint32_t queue_link, queue_count, queue_entries, entry_object, entry_function, entry_size;
    uintptr_t code_low, code_high; /* libgo */
    bool mutex_known;              /* sync.Mutex begins with its state */
    bool end_known;                /* what only the end needs was found */
};
extern struct go_layout go_layout;
extern bool go_on; /* this is a Go program that we understand */

enum {
    OPERATION_RUNNER = 1, /* of a Once: runs its function */
    OPERATION_LISTED = 2, /* a select: has cases */
    OPERATION_PAIRED = 4, /* has a second object */
};

/* An operation under way: on the stack of its goroutine, in the frame of its wrapper. */
struct go_operation {
    struct go_operation *outer;
    struct go *go;
    uint32_t primitive;
    uint32_t flags; /* OPERATION_: what else is set, so that the usual case stores little */
    uintptr_t address;
    uintptr_t pc, frame;
    uintptr_t second; /* the mutex of a condition */
    const struct go_case *cases;
    uint32_t sends, receives; /* cases[0..sends) send, the others receive */
};

/*
 * A goroutine, or what an OS thread does by itself (g 0: the scheduler, timers). What its making, its switches and its end
 * touch is the first line of the cache: with thousands of them each line is a miss.
 */
struct go {
    uintptr_t g;
    int64_t id;
    struct thread *thread;          /* that it runs on, or ran on last */
    struct go_operation *operation; /* innermost */
    uintptr_t watched; /* the lock of the channel that it is about, else 0 (go_channel.c) */
    uint32_t task;
    uint16_t held_count;
    bool panicked; /* or threw: the next four of those below may be set */
    bool shown_to; /* its present segment is in others' clocks: it must not go on in it */
    bool asked;    /* it has tried to receive or to select without waiting */
    bool threw;
    bool at_work; /* when the process ended */
    /* A g that C threads borrow while they call into Go: it stands for the task of the thread that has it now. */
    uint32_t callbacks;     /* nested calls that have it, 0: nobody */
    struct meaning meaning; /* of a fiber, while it is not on a thread */

    struct go *next;               /* in its bucket */
    uint32_t panic_stack, message; /* of its last panic, or the runtime's error */
    struct object *misused;        /* that one was about the misuse of, else NULL ... */
    uint32_t misuse;               /* ... and which */
    uint32_t test;                 /* name of the test that it is about to start */
    struct clock_pair learn;       /* what it is after when it goes on, if it is shown_to */
    struct object *learn_by;
    struct go *carried; /* of a thread's own: the goroutine that it carried last */
    struct held *held;  /* what it holds, while it is not on a thread */
    uint64_t *frames;   /* its shadow call stack, likewise: pc and sp of each */
    uint32_t held_room, frame_count, frame_room;
    uint32_t scheduler; /* task that a thread which borrows it is for Go's scheduler meanwhile */
    uint64_t cases_hash;
    uint32_t cases_list;
} __attribute__((aligned(64)));
static_assert(offsetof(struct go, meaning) + sizeof(struct object *) <= 64, "one line");

/* go_runtime.c */
void go_setup(void); /* finds libgo, if there is one */
NOINLINE void go_late(
    void); /* libgo came later, by dlopen: it can be called, but is not observed */
#define GO_REAL(id) (UNLIKELY(!go_real.id) ? go_late() : (void)0, go_real.id)
static inline uintptr_t go_running(void)
{
    uintptr_t g;
    __asm__ volatile("movq %%fs:(%1), %0" : "=r"(g) : "r"(go_layout.g));
    return g;
}
static inline int64_t go_id_of(uintptr_t g)
{
    return *(volatile int64_t *)(g + go_layout.g_id);
}

/* Is this code of libgo's? */
static inline bool go_is_runtime(uintptr_t pc)
{
    return pc >= go_layout.code_low && pc < go_layout.code_high;
}

/* go_end.c: what is known of goroutines once no more comes. `orderly`: by exit(), not within a signal handler. */
void go_at_end(struct thread *thread, bool orderly);
/* go_told.c: was one that never began given a channel that has been closed? Not if so many never began that it takes too
 * long to look. Within go_at_end() only. */
bool go_told(struct thread *thread, const struct go *go);
/* go_work.c: once nothing is recorded any more, which goroutines go on to work. Takes a while if some run. */
void go_work(struct thread *thread);
/* go_reach.c: which goroutines wait for something that one that can go on may reach. `ender` counts as one if `sp`, the end
 * of its stack, is not 0. The others stand still (go_halt.h). Says nothing yet: go_reach_end() does, or, if it was
 * not `sound`, only who was found. It may be made again before. */
void go_reach(const struct go *ender, uint64_t sp);
void go_reach_end(bool sound);
/* The stack pointer of a goroutine that is on no thread now; 0: not known. Of one that panicked something below it counts. */
#define BELOW_PANIC 16384u
uint64_t go_resting_sp(const struct go *go);
/* go_panic.c: the goroutine that `thread` runs, or, where the scheduler does something for it, the one it ran last. */
struct go *go_behind(struct thread *thread);
/* The goroutine has ended the process by its last panic, or by an error of the runtime. */
void go_crashed(struct go *go);
/* go_misuse.c: the goroutine panics, or meets an error, with this text: a misuse of what its operation is about? And: that
 * ends the process; a MISUSE record of it. */
void go_misused(struct thread *thread, struct go *go, const char *text, intptr_t length);
void go_misuse_ends(struct thread *thread, const struct go *go);

/* go_task.c: guard up */
struct go *go_known(uintptr_t g);             /* NULL: no g that we have met */
struct go *go_present(struct thread *thread); /* who runs here; NULL if there is no memory */
struct go *go_find(struct thread *thread, uintptr_t g); /* NULL: not known */
/* The C thread has borrowed `g` and calls into Go as itself; and is back. */
void go_borrow(struct thread *thread, uintptr_t g);
void go_return(struct thread *thread);
void go_switch(struct thread *thread, struct go *to);
struct go *go_spawn(struct thread *creator, uintptr_t g, uintptr_t entry, uint32_t stack);
void go_each(void (*visit)(struct go *go, void *data), void *data);
void go_fork_child(void);

/* Some goroutine is of a test by name. */
extern bool go_tests;

/* Is this thread making a goroutine that is not a task yet? */
bool go_statement_under_way(void);

/* Can it be parked and woken by Go's scheduler: a goroutine, or a C thread within a call of Go? */
bool go_parks(const struct go *go);

/* go_park.c */
struct go_operation *go_outermost(struct go *go);
/* The innermost operation here. Once nothing is recorded no switch is: `thread->go` stays who was here then, and what it was
 * in may be gone. */
static inline struct go_operation *go_current(const struct thread *thread)
{
    return thread->go && LIKELY(shim_state == SHIM_ON) ? thread->go->operation : NULL;
}
/* Begins and ends an operation; no guard. False: of nobody that we know. */
static inline bool go_begin_here(struct go_operation *operation, uint32_t primitive,
                                 uintptr_t address)
{
    struct thread *thread = thread_current;
    operation->primitive = primitive;
    operation->flags = 0;
    operation->address = address;
    struct go *go = LIKELY((uintptr_t)thread > THREAD_NONE) ? thread->go : NULL;
    if (UNLIKELY(!go || shim_state != SHIM_ON)) {
        operation->go =
            NULL; /* not yet known: the switch to a goroutine makes it so; or no longer */
        return false;
    }
    operation->go = go;
    operation->outer = go->operation;
    go->operation = operation;
    return true;
}
NOINLINE void go_begin(struct go_operation *operation, uint32_t primitive, uintptr_t address);
NOINLINE void go_end(struct go_operation *operation);
/* Lets a waiting goroutine learn, when it goes on, that it is after `pair`. */
static inline void go_let(struct go *peer, struct clock_pair pair, struct object *object)
{
    peer->learn = pair;
    peer->learn_by = object;
    peer->shown_to = true;
}

#define GO_OPERATION(name, id, about)                          \
    struct go_operation name __attribute__((cleanup(go_end))); \
    name.pc = RETURN_PC;                                       \
    name.frame = (uintptr_t)__builtin_frame_address(0);        \
    go_begin(&name, PRIMITIVE_##id, (uintptr_t)(about))

/* What to declare before a wrapper: its name in libgo, and that it is ours to export. */
#define GO_EXPORT(id, symbol, ret, params) EXPORT ret wrap_##id params __asm__(symbol)

#endif
