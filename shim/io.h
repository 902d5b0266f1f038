/*
 * The frame of a wrapper that reads from or writes to a descriptor, or waits for one:
 *
 *     io_enter      guard up; false: there is nothing to note, only call the real function
 *     io_block      (only if it may block) the task is marked as blocked
 *     io_leave      guard down
 *     the real function
 *     io_return     guard up again, the task runs; false as above
 *     io_leave
 *     io_end        by cleanup, so also when the real call is left by cancellation
 */
#ifndef SHIM_IO_H
#define SHIM_IO_H

#include "shim/fd.h"
#include "shim/shim.h"

struct io {
    struct thread *thread; /* NULL: pass through */
    struct object *object; /* the conduit, or NULL */
    struct object *waits;  /* what the task is marked as blocked on */
    uint64_t state;
    uint32_t primitive;
    int fd;
    uint32_t stack; /* captured once, if at all */
    bool blocked, guarded;
    bool listed; /* on several: the slot has a list of them */
    uintptr_t pc, frame;
};

#define IO(name)                                       \
    struct io name __attribute__((cleanup(io_end)));   \
    name.thread = NULL;                                \
    name.object = NULL;                                \
    name.stack = 0;                                    \
    name.blocked = name.guarded = name.listed = false; \
    name.pc = RETURN_PC;                               \
    name.frame = (uintptr_t)__builtin_frame_address(0)

bool io_enter_any(struct io *io, uint32_t primitive, int fd);
void io_block(struct io *io, struct object *object, int waits, short events);
void io_leave(struct io *io);
bool io_return(struct io *io);
void io_end(struct io *io);
uint32_t io_stack(struct io *io);

/* Files need no more than this; neither do sockets to other processes that do not block. */
static inline bool io_enter(struct io *io, uint32_t primitive, int fd)
{
    uint64_t state = fd_peek(fd);
    bool conduit = state & 0xffffffffff;
    if (fd_type(state) == TRACE_FD_PLAIN || (fd_alone() && !conduit) ||
        (fd_type(state) == TRACE_FD_SOCKET && !conduit && state & FD_NONBLOCK &&
         fd_extra(state) == fd_epoch()))
        return false;
    return io_enter_any(io, primitive, fd);
}

/* The whole of a read and a write. waits: 0 never, 1 as the descriptor says, 2 with a deadline. */
void io_receive(struct io *io, uint32_t primitive, int fd, int waits);
void io_received(struct io *io, bool good);
void io_send(struct io *io, uint32_t primitive, int fd, const void *to, uint32_t size, size_t bytes,
             int waits);
/* broken: the other end was closed */
void io_sent(struct io *io, bool broken);

/* The process ends: marks the blocked tasks for whom what they wait for has come (TRACE_TASK_READY). */
void io_at_end(void);
/* syscall.c: looks whether the process used what is not observed. */
void syscall_at_end(void);

#endif
