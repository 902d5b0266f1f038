/*
 * Who waits for whom at the end of a trace, and who can still go on. The only module that knows
 * what it takes to end a wait; detect_blocked.c says what is wrong with one that nothing ends,
 * status and the reports' list of tasks read it.
 *
 * A task *can go on* if it runs, if its wait has a deadline, if what it waits for is given up by a
 * task that can go on (a lock by its holders, a join by the task's end), or if some task that can
 * go on may wake it. All others are stuck. Two readings: `sure` takes any task that can go on for a
 * possible waker; the other one only those of which there is a sign that they might (may_wake in
 * wait.c, docs/policies.md). For a goroutine the recorder has looked up who can reach what it waits for, if the program
 * ended by exit: then this decides.
 */
#ifndef ANALYZER_WAIT_H
#define ANALYZER_WAIT_H

#include "analyzer/trace.h"

enum wait_kind {
    WAIT_NOT,   /* does not wait */
    WAIT_TIMED, /* its wait ends by itself */
    WAIT_LOCK,  /* until all holders have given the object up */
    WAIT_TASK,  /* until a task has ended */
    WAIT_WAKE,  /* until some task wakes it: condition, semaphore */
    WAIT_MEET,  /* until enough tasks have arrived: barrier */
    WAIT_GO,    /* a goroutine, on channels, a wait group, a condition or nothing */
    WAIT_FIBER, /* until some task switches to it: a fiber, or a thread that carries one */
    WAIT_OTHER, /* something of which we do not see the other side */
};

struct wait {
    enum wait_kind kind;
    uint32_t object;  /* by which it is kept */
    bool relock;      /* woken by a condition; `object` is the mutex that it wants back */
    bool alive;       /* the task has not ended */
    bool stuck, sure; /* sure implies stuck */
    /* The task it waits for: of several a stuck one, then one that has ended; 0: unknown. */
    uint32_t blocker;
};

/* Of an object: whether all who are known at its other end are stuck, as of `asked` - 1 tasks that can go on. */
struct wait_end {
    uint32_t asked;
    bool stuck;
};

struct wait_graph {
    const struct trace *trace;
    struct wait *waits; /* [task_count] */
    uint32_t task_count;
    bool orderly;             /* the program ended itself: what still waits was left behind */
    uint32_t ender;           /* the task that ended it, 0 if it was not orderly */
    struct holding *holdings; /* what blocked tasks hold of locks with readers */
    uint32_t holding_count;
    uint32_t *objects; /* waited for, with the tasks that are known to have used them */
    uint32_t object_count;
    uint64_t *users;  /* [object_count][words]: bits of tasks */
    uint64_t *wakers; /* ... of those that are known to have woken a task by it */
    uint32_t words;
    struct wait_end *ends; /* [object_count] */
    bool *idle;            /* [object_count]: only the ender and who waits for it ever used it */
    uint32_t *waiting; /* [trace->object_count]: how many are to be woken by it, or meet there */
    bool *goes;        /* [task_count]: found able to go on, so far */
    uint32_t *goers;   /* these, in the order in which they were found */
    uint32_t goer_count;
    uint32_t going;    /* of them, goroutines of the program's own */
    uint64_t *answers; /* [task_count]: when a task last woke others by any object */
};

/* wait_classify.c */
struct wait wait_classify(const struct trace *trace, const struct trace_task *task);

struct wait_graph *wait_build(const struct trace *trace);
void wait_free(struct wait_graph *graph);
/* ---- wait_holders.c ---- */

void wait_holdings_collect(struct wait_graph *graph);
/* Holders of a lock that are known: at most `max`, their number is returned. */
uint32_t wait_holders(const struct wait_graph *graph, uint32_t object, uint32_t *tasks,
                      uint32_t max);

/* ---- wait.c ---- */

/* Is `task` known to have used the object (created, posted, acquired it, or the mutex that goes
 * with it)? */
bool wait_used(const struct wait_graph *graph, uint32_t object, uint32_t task);

#endif
