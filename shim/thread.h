/* Creation, end and join of tasks: see thread.c. */
#ifndef SHIM_THREAD_H
#define SHIM_THREAD_H

#include <pthread.h>
#include <threads.h>

#include "shim/shim.h"

/*
 * All signals but that by which setuid and its kin have every thread do as they do. They wait for all threads, with a lock
 * that pthread_create takes: who has that one blocked there stops both for ever.
 */
#define SIGNALS_OF_PROGRAM (~(UINT64_C(1) << 32))

bool thread_setup(void);
/* The calling OS thread's end will be seen. Guard up. */
void thread_watch_end(void);
/* The calling OS thread's handle names its task: its object of kind TASK. Guard up. */
struct object *thread_register(struct thread *thread);
void thread_fork_child(void);

/* thread_room.c: whether a thread made so is detached from the beginning, and begins with its maker's mask of signals. */
void thread_wish(const pthread_attr_t *attributes, bool *detached, bool *inherits);
/* The real ones, with a stack that has room for us, too, and again where a thread of ours was in the way. */
int thread_create_with_room(pthread_t *handle, const pthread_attr_t *attributes,
                            void *(*routine)(void *), void *argument);
int thread_create_c11(thrd_t *handle, thrd_start_t routine, void *argument);

#endif
