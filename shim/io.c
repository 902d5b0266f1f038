/*
 * Reads, writes and waits on descriptors: see io.h.
 *
 * Whether a call is going to block is asked (poll, no time) only where the answer can make a finding: on a conduit that no
 * other process holds. On others a task counts as blocked while it is in the call; nothing is ever concluded from that.
 */
#include "shim/io.h"

#include <poll.h>

#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/conduit.h"
#include "shim/outside.h"
#include "shim/poll_list.h"
#include "shim/queue.h"
#include "shim/raw.h"
#include "shim/signal.h"
#include "shim/stack.h"
#include "shim/task.h"

#define ATOMIC_WRITE \
    4096u /* PIPE_BUF: no more is written if it does not all fit, and less fits if poll says so */

uint32_t io_stack(struct io *io)
{
    if (!io->stack)
        io->stack = stack_here(io->thread, io->pc, io->frame);
    return io->stack;
}

bool io_enter_any(struct io *io, uint32_t primitive, int fd)
{
    struct thread *thread = thread_enter();
    io->thread = thread;
    if (!thread)
        return false;
    io->guarded = true;
    io->primitive = primitive;
    io->fd = fd;
    io->state = fd_know(thread, fd);
    return true;
}

void io_leave(struct io *io)
{
    io->guarded = false;
    thread_leave(io->thread);
}

static bool ready(int fd, short events)
{
    struct pollfd request = {.fd = fd, .events = events};
    return raw3(SYS_poll, &request, 1, 0) > 0;
}

/* events: what a poll that finds the call ready would say; 0: do not ask. */
void io_block(struct io *io, struct object *object, int waits, short events)
{
    if (!waits || io->state & FD_NONBLOCK)
        return;
    bool own = object && !conduit_shared(object);
    if (own && trace_primitives[io->primitive].verb == VERB_POLL_ID && signal_handled())
        own = false; /* a handler may write to it: that is what such pipes are for */
    if (own && fd_type(io->state) == TRACE_FD_QUEUE)
        queue_look(io->fd, object);
    if (fd_alone() && !own)
        return; /* nobody else is there to be waited for, or the children that are cannot be seen */
    if (own && events && ready(io->fd, events))
        return;
    if (!object)
        object = fd_number(io->thread, io->fd);
    if (object && object->shown.kind == TRACE_OBJECT_FD)
        object->shown.value = fd_type(io->state);
    bool timed = waits == 2 || io->state & FD_TIMED;
    task_block(io->thread, io->primitive, object, NULL, timed, (uint64_t)io->fd, io_stack(io));
    io->waits = object;
    io->blocked = true;
}

bool io_return(struct io *io)
{
    struct thread *thread = io->thread;
    if (!thread)
        return false;
    thread->busy = 1;
    __asm__ volatile("" ::: "memory");
    io->guarded = true;
    if (io->blocked)
        task_unblock(thread, io->waits);
    if (UNLIKELY(io->listed))
        thread->record->list = 0;
    io->blocked = io->listed = false;
    if (shim_state == SHIM_ON)
        return true;
    io_leave(io);
    io->thread = NULL;
    return false;
}

void io_end(struct io *io)
{
    if (!io->thread)
        return;
    if (io->blocked && io_return(io)) /* cancelled: what the canceller did is before the cleanup */
        clock_acquire_cancel(io->thread, io->pc);
    if (io->guarded)
        io_leave(io);
}

/* Files, and what other processes hold an end of. */
static bool passes_outside(struct object *object)
{
    return UNLIKELY(access_on) && (!object || conduit_shared(object));
}

void io_receive(struct io *io, uint32_t primitive, int fd, int waits)
{
    if (!io_enter(io, primitive, fd))
        return;
    io->object = fd_in(io->state);
    if (io->object)
        io->thread->events++;
    io_block(io, io->object, waits, POLLIN);
    io_leave(io);
}

void io_received(struct io *io, bool good)
{
    if (!io->thread)
        return;
    bool takes = good && (io->object || fd_type(io->state) == TRACE_FD_TIMER ||
                          fd_type(io->state) == TRACE_FD_SIGNALS);
    if (good && passes_outside(io->object))
        outside_learn();
    if ((!takes && !io->blocked) || !io_return(io))
        return;
    if (takes && fd_type(io->state) == TRACE_FD_QUEUE)
        __atomic_fetch_add(&io->object->shown.unheard, 1, __ATOMIC_RELAXED);
    if (takes && io->object)
        conduit_take(io->thread, io->object, io->pc);
    else if (takes && fd_type(io->state) == TRACE_FD_TIMER)
        fd_number_take(io->thread, io->fd, io->pc);
    else if (takes)
        signal_learn(io->thread, io->pc);
    io_leave(io);
}

void io_send(struct io *io, uint32_t primitive, int fd, const void *to, uint32_t size, size_t bytes,
             int waits)
{
    if (!io_enter(io, primitive, fd))
        return;
    io->object = fd_out(io->state);
    if (to && fd_type(io->state) == TRACE_FD_DATAGRAM)
        io->object = fd_destination(io->thread, to, size);
    if (io->object) {
        io->thread->events++;
        conduit_put(io->thread, io->object, io_stack(io));
    }
    if (passes_outside(io->object))
        outside_tells(io->thread);
    io_block(io, io->object, waits, bytes <= ATOMIC_WRITE ? POLLOUT : 0);
    io_leave(io);
}

void io_sent(struct io *io, bool broken)
{
    broken = broken && io->object;
    if (!io->thread || (!broken && !io->blocked) || !io_return(io))
        return;
    if (broken)
        conduit_take(io->thread, io->object, io->pc);
    io_leave(io);
}

/* Whether what a blocked task waits for has come, but it has not run yet: then it waits for nobody. */
static bool wait_over(const struct trace_task *record, const struct trace_object *shown)
{
    enum trace_verb verb = trace_primitives[record->primitive % PRIMITIVE_COUNT].verb;
    if (record->primitive == PRIMITIVE_msgrcv)
        return shown->last_post_tsc > record->since_tsc && queue_holds(shown);
    if (shown->kind != TRACE_OBJECT_PIPE && shown->kind != TRACE_OBJECT_SOCKET &&
        shown->kind != TRACE_OBJECT_EVENTFD && shown->kind != TRACE_OBJECT_QUEUE)
        return false;
    return ((verb == VERB_RECEIVE_ID || verb == VERB_POLL_ID) &&
            ready((int)record->wait_value, POLLIN)) ||
           (verb == VERB_SEND_ID && record->primitive != PRIMITIVE_msgsnd &&
            shown->kind != TRACE_OBJECT_EVENTFD && /* of it poll says that 1 can be added */
            ready((int)record->wait_value, POLLOUT));
}

void io_at_end(void)
{
    for (uint32_t id = 1; id < table_tasks.count; id++) {
        struct trace_task *record = task_record(id);
        if (record->state == TRACE_TASK_BLOCKED &&
            trace_primitives[record->primitive % PRIMITIVE_COUNT].verb == VERB_POLL_ID)
            poll_list_at_end(record);
        if (record->state == TRACE_TASK_BLOCKED && record->object && !record->list &&
            wait_over(record, &object_table[record->object].shown))
            record->flags |= TRACE_TASK_READY;
    }
}
