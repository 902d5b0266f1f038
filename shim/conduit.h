/*
 * Conduits: what bytes or counts go through from task to task by way of the kernel. A pipe; each direction of a socket pair
 * or of a connection whose both ends are here; an eventfd; a message queue.
 *
 * Whoever takes something out is after all who put something in before that (clock, joined). The kernel gives less: only
 * those whose bytes were taken. How many bytes stood before a write is not known without a lock across it, so the order
 * errs on the side of more.
 */
#ifndef SHIM_CONDUIT_H
#define SHIM_CONDUIT_H

#include "shim/object.h"
#include "shim/shim.h"

/* A conduit made by this process. Counts are of descriptors of this process. */
struct object *conduit_make(struct thread *thread, uint32_t kind, uintptr_t address,
                            uint32_t readers, uint32_t writers, uint32_t stack);
/* One that exists already, by what identifies it; others may hold it. */
struct object *conduit_found(struct thread *thread, uint32_t kind, uintptr_t address);
/* Descriptors come (1) or go (-1); with the last one the conduit ends. */
void conduit_hold(struct thread *thread, struct object *object, int readers, int writers);

/* What the task did so far is before whoever takes from the conduit next; stack: of the call, for reports. */
void conduit_put(struct thread *thread, struct object *object, uint32_t stack);
/* The end of it (close, shutdown): as conduit_put, but nothing is put in. */
void conduit_end(struct thread *thread, struct object *object);
void conduit_take(struct thread *thread, struct object *object, uintptr_t pc);
/* `object` is watched by the epoll set `poller`: what is put in is before that wait's return too. */
void conduit_watch(struct thread *thread, struct object *object, struct object *poller);
/* Stands for all epoll sets that watch a conduit together with another set; NULL if there are none (unless `make`). */
struct object *conduit_any_poller(struct thread *thread, bool make);
/* A timer or signals are watched by some epoll set: whoever sets one, or sends one, says so. */
void conduit_watch_others(struct thread *thread);
void conduit_others_put(struct thread *thread);
/* Has any been watched so far? */
bool conduit_any_watched(void);
/* Whether others than the tasks of this process may end a wait on it. */
bool conduit_shared(struct object *object);

/* Identities that are not addresses: above all addresses that a program has. */
#define CONDUIT_KEY(tag, value) \
    ((uintptr_t)1 << 62 | (uintptr_t)(tag) << 48 | ((uintptr_t)(value)&0xffffffffffff))
enum conduit_tag {
    CONDUIT_EVENT = 1,  /* number of the eventfd */
    CONDUIT_LISTEN,     /* port: connect is before accept */
    CONDUIT_CONNECTION, /* ports from << 16 | to */
    CONDUIT_DATAGRAM,   /* port */
    CONDUIT_LOCAL,      /* hash of a local socket's name: to the server */
    CONDUIT_LOCAL_BACK, /* from the server */
    CONDUIT_SYSTEM,     /* id of a System V queue or semaphore set */
    CONDUIT_FILE,       /* a file and a sort of lock on it */
    CONDUIT_UNKNOWN,    /* all of whose other end nothing is known */
};

#endif
