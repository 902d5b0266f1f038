/* Tasks and the OS threads that carry them: slots of the live table, the pool of threads' states, streams and all. */
#ifndef SHIM_TASK_H
#define SHIM_TASK_H

#include "shim/shim.h"

bool task_setup(void); /* makes the main task and attaches this thread to it */
uint32_t task_make(
    struct thread *creator);    /* a new task's slot, state CREATED; 0 if there is no room */
uint32_t task_make_clock(void); /* a TRACE_TASK_CLOCK */
struct trace_task *task_record(uint32_t task);
/* The calling OS thread carries `task` from here on; NULL if there is no memory. Leaves the guard up. */
struct thread *task_attach(uint32_t task);
/* The calling thread's task has ended. */
void task_end(struct thread *thread);
/* About to block, and no longer. Guard up. */
void task_block(struct thread *thread, uint32_t primitive, struct object *object,
                struct object *second, bool timed, uint64_t value, uint32_t stack);
void task_unblock(struct thread *thread, struct object *object);
/* Calls `visit` for every thread state that carries a task. */
void task_each_thread(void (*visit)(struct thread *thread, void *data), void *data);
/* Waits until no other thread is within a record, or for 20 ms: one may have been stopped there. */
void task_await_rest(void);
/* Waits while a detached task other than the caller's is at work, at most so long; one that waits is left alone. No guard. */
void task_await_detached(uint64_t milliseconds);
/* In a fork child: only the caller is left; it becomes task 1 of a trace of its own. */
void task_fork_child(struct thread *thread);
/* Of what the task said that it is about to do, all cases of a select (struct meaning), into its live slot. */
void task_cases_show(struct thread *thread);
/* What the task holds, into its live slot. */
void task_held_show(struct thread *thread);
void task_name(struct trace_task *record);
/* Some task has been given a name. */
extern bool task_names;

#endif
