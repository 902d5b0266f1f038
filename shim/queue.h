/*
 * Message queues and sets of semaphores: queue.c. A queue that has a name can be opened by any process, so a wait at one
 * says nothing for sure (its object's `value` is TRACE_NAME_NOW); one without a name is used by whoever has it.
 */
#ifndef SHIM_QUEUE_H
#define SHIM_QUEUE_H

#include "shim/object.h"
#include "shim/shim.h"

/* Looks whether the POSIX queue of descriptor `fd` has lost its name (mq_unlink, by whomever). Guard up. */
void queue_look(int fd, struct object *object);

/* Whether there are messages in a System V queue. */
bool queue_holds(const struct trace_object *object);

#endif
