/*
 * Waits for descriptors: poll, select, epoll. Such a wait is by design; a task in it is listed, and reported only if it waits
 * for conduits that no other process holds, without a time limit, and no task at all is left that could go on. Whoever is
 * told that a descriptor is ready is after what made it so, even if it never reads it (the end of a stream as a signal to
 * stop). epoll tells events, not descriptors: so a conduit that is added to a set hands on to the set all that is put in.
 */
#include "shim/conduit.h"
#include "shim/io.h"
#include "shim/poll_list.h"
#include "shim/real.h"
#include "shim/signal.h"
#include "shim/touch.h"

/* `fd`: the only one, which it waits to read from; -1: there are several, or it waits for something else. */
static void wait_begin(struct io *io, uint32_t primitive, int fd, int waits)
{
    if ((fd_alone() && !fd_in(fd_peek(fd))) || !waits || !io_enter_any(io, primitive, fd))
        return;
    io->state &= ~FD_NONBLOCK; /* poll waits all the same */
    io_block(io, fd_in(io->state), waits, POLLIN);
    io_leave(io);
}

/* Several, without a time limit. */
static void wait_begin_any(struct io *io, uint32_t primitive, const struct pollfd *list,
                           nfds_t count, int one, int waits)
{
    if (waits == 1 && poll_list_known(list, count))
        poll_list_block(io, primitive, list, count);
    else
        wait_begin(io, primitive, one, waits);
}

static bool wait_end(struct io *io)
{
    if (!io->thread && !fd_alone())
        io->thread = thread_enter();
    return io_return(io);
}

static bool is_timer_or_signals(uint64_t state)
{
    return fd_type(state) == TRACE_FD_TIMER || fd_type(state) == TRACE_FD_SIGNALS;
}

static void learn_from(struct thread *thread, int fd, uint64_t state, uintptr_t pc)
{
    if (fd_in(state))
        conduit_take(thread, fd_in(state), pc);
    else if (fd_type(state) == TRACE_FD_TIMER)
        fd_number_take(thread, fd, pc);
    else if (fd_type(state) == TRACE_FD_SIGNALS && !fd_alone())
        signal_learn(thread, pc);
}

static void learn(struct io *io, int fd)
{
    learn_from(io->thread, fd, fd_know(io->thread, fd), io->pc);
}

/* ---- poll ---- */

static int polled_one(const struct pollfd *list, nfds_t count)
{
    return count == 1 && list->events == POLLIN ? list->fd : -1;
}

static void polled(struct io *io, const struct pollfd *list, nfds_t count, int result)
{
    if (!wait_end(io))
        return;
    for (nfds_t i = 0; i < count && result > 0; i++)
        if (list[i].revents && list[i].fd >= 0)
            learn(io, list[i].fd);
    io_leave(io);
}

static void poll_touches(const struct pollfd *list, nfds_t count, int result, uintptr_t pc)
{
    for (nfds_t i = 0; i < count && result >= 0 && recorded(pc); i++) {
        touch_read(&list[i], sizeof list[i].fd + sizeof list[i].events, pc);
        touch_write(&list[i].revents, sizeof list[i].revents, pc);
    }
}

#define POLL(fn, params, args, waits)                                                     \
    EXPORT int fn params                                                                  \
    {                                                                                     \
        LATE(fn);                                                                         \
        IO(io);                                                                           \
        wait_begin_any(&io, PRIMITIVE_##fn, list, count, polled_one(list, count), waits); \
        int result = real.fn args;                                                        \
        polled(&io, list, count, result);                                                 \
        poll_touches(list, count, result, io.pc);                                         \
        return result;                                                                    \
    }

#define WAITS_MS(timeout) ((timeout) < 0 ? 1 : (timeout) > 0 ? 2 : 0)

POLL(poll, (struct pollfd * list, nfds_t count, int timeout), (list, count, timeout),
     WAITS_MS(timeout))
POLL(__poll_chk, (struct pollfd * list, nfds_t count, int timeout, size_t size),
     (list, count, timeout, size), WAITS_MS(timeout))
POLL(ppoll,
     (struct pollfd * list, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     (list, count, timeout, mask), timeout ? 2 : 1)
POLL(__ppoll_chk,
     (struct pollfd * list, nfds_t count, const struct timespec *timeout, const sigset_t *mask,
      size_t size),
     (list, count, timeout, mask, size), timeout ? 2 : 1)

/* ---- select ---- */

static int selected_one(int count, const fd_set *in, const fd_set *out, const fd_set *except)
{
    int one = -1;
    for (int fd = 0; in && fd < count; fd++)
        if (FD_ISSET(fd, in)) {
            if (one >= 0)
                return -1;
            one = fd;
        }
    return out || except ? -1 : one;
}

/* As poll would be asked; 0: for something else than input, or for too many. */
static nfds_t selected_list(int count, const fd_set *in, const fd_set *out, const fd_set *except,
                            struct pollfd list[TRACE_STACK_DEPTH])
{
    nfds_t used = 0;
    for (int fd = 0; in && !out && !except && fd < count; fd++)
        if (FD_ISSET(fd, in)) {
            if (used == TRACE_STACK_DEPTH)
                return 0;
            list[used++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
    return used;
}

static void selected(struct io *io, int count, int result, fd_set *const sets[3])
{
    if (!wait_end(io))
        return;
    for (int fd = 0; fd < count && result > 0; fd++)
        for (int i = 0; i < 3; i++)
            if (sets[i] && FD_ISSET(fd, sets[i])) {
                learn(io, fd);
                break;
            }
    io_leave(io);
}

static void select_touches(int count, int result, fd_set *const sets[3], uintptr_t pc)
{
    for (int i = 0; i < 3 && result >= 0 && recorded(pc); i++)
        if (sets[i]) {
            touch_read(sets[i], ((size_t)count + 7) / 8, pc);
            touch_write(sets[i], ((size_t)count + 7) / 8, pc);
        }
}

#define SELECT(fn, params, args)                                                  \
    EXPORT int fn params                                                          \
    {                                                                             \
        LATE(fn);                                                                 \
        IO(io);                                                                   \
        struct pollfd list[TRACE_STACK_DEPTH];                                    \
        wait_begin_any(&io, PRIMITIVE_##fn, list,                                 \
                       timeout ? 0 : selected_list(count, in, out, except, list), \
                       selected_one(count, in, out, except), timeout ? 2 : 1);    \
        int result = real.fn args;                                                \
        fd_set *const sets[] = {in, out, except};                                 \
        selected(&io, count, result, sets);                                       \
        select_touches(count, result, sets, io.pc);                               \
        return result;                                                            \
    }

SELECT(select,
       (int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
        struct timeval *restrict timeout),
       (count, in, out, except, timeout))
SELECT(pselect,
       (int count, fd_set *restrict in, fd_set *restrict out, fd_set *restrict except,
        const struct timespec *restrict timeout, const sigset_t *restrict mask),
       (count, in, out, except, timeout, mask))

/* ---- epoll ---- */

EXPORT int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    LATE(epoll_ctl);
    struct thread *thread = thread_enter();
    bool known = false;
    if (thread) {
        uint64_t state = fd_know(thread, fd);
        struct object *in = fd_in(state);
        struct object *poller = in && operation == EPOLL_CTL_ADD ? fd_number(thread, set) : NULL;
        known = in != NULL;
        if (poller)
            conduit_watch(thread, in, poller);
        else if (operation == EPOLL_CTL_ADD && is_timer_or_signals(state))
            conduit_watch_others(thread);
        /* What was put in before is handed on by us: with the set, below. */
        if (operation == EPOLL_CTL_ADD)
            learn_from(thread, fd, state, RETURN_PC);
        if (!known && operation == EPOLL_CTL_ADD)
            poll_set_changed(thread, set, false);
        fd_number_put(thread, set);
        thread_leave(thread);
    }
    int result = real.epoll_ctl(set, operation, fd, event);
    /* The kernel has read the event: now it can be read here. */
    if (known && result == 0 && (thread = thread_enter())) {
        poll_set_changed(thread, set, operation == EPOLL_CTL_DEL || !(event->events & EPOLLOUT));
        thread_leave(thread);
    }
    return result;
}

static void epoll_begin(struct io *io, uint32_t primitive, int set, int waits)
{
    if (waits != 1 || !conduit_any_watched() || !poll_set_block(io, primitive, set))
        wait_begin(io, primitive, set, waits);
}

static void epolled(struct io *io, int set, int result)
{
    if ((result <= 0 && !io->blocked) || !wait_end(io))
        return;
    if (result > 0) {
        fd_number_take(io->thread, set, io->pc);
        struct object *any = conduit_any_poller(io->thread, false);
        if (any)
            conduit_take(io->thread, any, io->pc);
    }
    io_leave(io);
}

static void epoll_touches(const struct epoll_event *events, int result, uintptr_t pc)
{
    if (result > 0 && recorded(pc))
        touch_write(events, (size_t)result * sizeof *events, pc);
}

#define EPOLL(fn, params, args, waits)                \
    EXPORT int fn params                              \
    {                                                 \
        LATE(fn);                                     \
        IO(io);                                       \
        epoll_begin(&io, PRIMITIVE_##fn, set, waits); \
        int result = real.fn args;                    \
        epolled(&io, set, result);                    \
        epoll_touches(events, result, io.pc);         \
        return result;                                \
    }

EPOLL(epoll_wait, (int set, struct epoll_event *events, int count, int timeout),
      (set, events, count, timeout), WAITS_MS(timeout))
EPOLL(epoll_pwait,
      (int set, struct epoll_event *events, int count, int timeout, const sigset_t *mask),
      (set, events, count, timeout, mask), WAITS_MS(timeout))
EPOLL(epoll_pwait2,
      (int set, struct epoll_event *events, int count, const struct timespec *timeout,
       const sigset_t *mask),
      (set, events, count, timeout, mask), timeout ? 2 : 1)

/* ---- timers ---- */

EXPORT int timerfd_settime(int fd, int flags, const struct itimerspec *time, struct itimerspec *old)
{
    LATE(timerfd_settime);
    struct thread *thread = fd_alone() ? NULL : thread_enter();
    if (thread) {
        fd_number_put(thread, fd);
        conduit_others_put(thread);
        thread_leave(thread);
    }
    return real.timerfd_settime(fd, flags, time, old);
}
