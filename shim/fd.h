/*
 * Descriptors: what is known of each number, and the order that its reuse gives.
 *
 * The kernel gives the lowest free number to whoever asks next, so what a task did before it closed a descriptor is before
 * whatever a task does after it was given the same number: programs rest on it that index arrays by descriptor. An object
 * of kind FD stands for a number, from its first close on.
 *
 * A descriptor may lead to conduits (conduit.h): the one it reads from and the one it writes to. One word a number says
 * which, what kind of descriptor it is and whether it can block; 0: nothing is known yet (inherited, passed, made by a
 * function that we do not see), then the kernel is asked at the first use.
 */
#ifndef SHIM_FD_H
#define SHIM_FD_H

#include "shim/object.h"
#include "shim/shim.h"
#include "shim/table.h"

/* The type is an enum trace_fd: UNKNOWN; PLAIN gives no order and waits for no task; SOCKET without conduits is not
 * connected, or to another process; LISTEN and DATAGRAM have the port as `extra` (LISTEN 0: a local socket); OTHER may
 * block and gives no order. */
#define FD_STATE(type)  ((uint64_t)TRACE_FD_##type << 40)
#define FD_NONBLOCK     ((uint64_t)1 << 44)
#define FD_TIMED        ((uint64_t)1 << 45) /* its waits have a deadline (SO_RCVTIMEO) */
#define FD_READS        ((uint64_t)1 << 46)
#define FD_WRITES       ((uint64_t)1 << 47)
#define FD_EXTRA(value) ((uint64_t)(uint16_t)(value) << 48)
#define FD_IN(object)   ((uint64_t)object_id(object))
#define FD_OUT(object)  ((uint64_t)object_id(object) << 20)

#define FD_UNNAMED \
    0xffffu /* `extra` of a local datagram socket without name: nothing can be sent to it */

static inline enum trace_fd fd_type(uint64_t state)
{
    return (enum trace_fd)(state >> 40 & 15);
}

static_assert(TRACE_FD_COUNT <= 16, "four bits");

static inline uint16_t fd_extra(uint64_t state)
{
    return (uint16_t)(state >> 48);
}

static inline struct object *fd_in(uint64_t state)
{
    uint32_t id = state & 0xfffff;
    return id ? &object_table[id] : NULL;
}

static inline struct object *fd_out(uint64_t state)
{
    uint32_t id = state >> 20 & 0xfffff;
    return id ? &object_table[id] : NULL;
}

#define FD_NUMBERS \
    (1u << 20) /* Linux allows as many by default (fs.nr_open); 12 MB of address space */
extern volatile uint64_t *fd_states;

/* Nobody else is there to be ordered with. */
static inline bool fd_alone(void)
{
    return table_tasks.count <= 2; /* slot 0 and the main task */
}

static inline uint64_t fd_peek(int fd)
{
    return (unsigned)fd < FD_NUMBERS && fd_states ? fd_states[fd] : FD_STATE(PLAIN);
}

/* Flags of pipe2, socket, accept4, eventfd and their like: O_NONBLOCK is the same bit everywhere. */
static inline uint64_t fd_flags(int flags)
{
    return flags & 04000 ? FD_NONBLOCK : 0;
}

bool fd_setup(void);
/* The caller was given the number `fd`, or was not (-1). */
void fd_opened(int fd, uint64_t state, uintptr_t pc);
/* ... which stands for the same as `from`. */
void fd_duplicated(int from, int fd, uintptr_t pc);
/* About to give up the number. */
void fd_closing(int fd);
/* About to give up all numbers from `first` to `last`. */
void fd_closing_range(unsigned first, unsigned last);
/* The state, found out if need be. Guard up. */
uint64_t fd_know(struct thread *thread, int fd);
/* Sets (and clears) flags of what is known. */
void fd_flag(int fd, uint64_t set, uint64_t clear);
void fd_note(int fd, uint64_t state);
/* All that were given out by functions that are seen lie below. */
unsigned fd_numbers(void);
/* The object of the number itself, made if need be: for waits that have no conduit, and orders by timers. Guard up. */
struct object *fd_number(struct thread *thread, int fd);

/* fd_socket.c: what the kernel says of a socket that we do not know. */
uint64_t fd_identify_socket(struct thread *thread, int fd, uint64_t flags);
/* A socket's descriptor is given up. */
void fd_disconnected(uint64_t state);
/* The conduit to the socket of this process that a datagram goes to, or NULL. */
struct object *fd_destination(struct thread *thread, const void *to, uint32_t size);
/* Changes when a socket that seemed to lead out of the process may turn out to lead back into it. */
uint16_t fd_epoch(void);
/* What a timer or an epoll set hands on has the number's object for a clock. Guard up. */
void fd_number_put(struct thread *thread, int fd);
void fd_number_take(struct thread *thread, int fd, uintptr_t pc);

/* A process is made: from here on others hold the descriptors that are open now. */
void fd_child(void);
/* From here on others may read from it or write to it unseen. */
void fd_share(int fd);
void fd_vforked(void);
extern volatile uint32_t fd_children;
void fd_fork_child(void);
/* Whether this is a child by vfork, which shares our memory but not our descriptors. */
bool fd_foreign_process(void);

#endif
