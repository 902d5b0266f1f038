/*
 * Numbers of descriptors: see fd.h. Of order by numbers a process with one task pays a comparison; a number that was never
 * closed, or only by the task itself, costs one load when it is given again.
 *
 * A close joins the number's clock; only that of the task which was given the number, and so is after all that the clock
 * held, replaces it. Hence a task that closes a number in vain (EBADF), or puts something else there (dup2), does not hide
 * what others did before their close.
 */
#include "shim/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/conduit.h"
#include "shim/file_lock.h"
#include "shim/queue.h"
#include "shim/raw.h"

volatile uint64_t *fd_states;
volatile uint32_t fd_children;
static volatile uint32_t *numbers;     /* object of each, 0: none yet */
static volatile unsigned numbers_seen; /* all that were given out by functions we see are below */

bool fd_setup(void)
{
    numbers = memory_get(FD_NUMBERS * sizeof *numbers);
    volatile uint64_t *states = memory_get(FD_NUMBERS * sizeof *states);
    fd_states = numbers ? states : NULL;
    return fd_states;
}

static inline bool known(int fd)
{
    return (unsigned)fd < FD_NUMBERS && fd_states && shim_state == SHIM_ON;
}

/* ---- processes ---- */

static volatile uint32_t own_pid;
static volatile bool vforked; /* some child shared our memory, or does now */

void fd_child(void)
{
    __atomic_fetch_add(&fd_children, 1, __ATOMIC_RELAXED);
}

void fd_vforked(void)
{
    own_pid = (uint32_t)raw0(SYS_getpid);
    vforked = true;
    fd_child();
}

/* Of the parent all that is open is also ours now. */
void fd_fork_child(void)
{
    vforked = false;
    fd_child();
}

bool fd_foreign_process(void)
{
    return vforked && (uint32_t)raw0(SYS_getpid) != own_pid;
}

/* ---- what is known of a descriptor ---- */

void fd_note(int fd, uint64_t state)
{
    if (known(fd))
        fd_states[fd] = state;
}

void fd_flag(int fd, uint64_t set, uint64_t clear)
{
    if (known(fd) && fd_type(fd_states[fd]) != TRACE_FD_UNKNOWN)
        fd_states[fd] = (fd_states[fd] & ~clear) | set;
}

static void state_hold(struct thread *thread, uint64_t state, int change)
{
    conduit_hold(thread, fd_in(state), state & FD_READS ? change : 0, 0);
    conduit_hold(thread, fd_out(state), 0, state & FD_WRITES ? change : 0);
}

static bool has_conduit(uint64_t state)
{
    return state & 0xffffffffff;
}

/* A pipe that we did not see made, or a descriptor of one that we did not see copied: who else holds it is not known. */
static uint64_t identify_pipe(struct thread *thread, const struct stat *facts, uint64_t flags,
                              int mode)
{
    uintptr_t identity = facts->st_ino ^ facts->st_dev << 40;
    struct object *object = conduit_found(thread, TRACE_OBJECT_PIPE, identity);
    uint64_t reads = mode == O_WRONLY ? 0 : FD_READS, writes = mode == O_RDONLY ? 0 : FD_WRITES;
    return FD_STATE(PIPE) | FD_IN(object) | FD_OUT(object) | flags | reads | writes;
}

/* eventfd, timerfd and the like have one inode in common; their names tell them apart. */
static uint64_t identify_anonymous(struct thread *thread, int fd, uint64_t flags)
{
    char path[40], name[40];
    size_t used = 0;
    raw_zero(name, sizeof name);
    raw_append(path, sizeof path, &used, "/proc/self/fd/");
    raw_append_number(path, sizeof path, &used, (uint64_t)fd);
    raw3(SYS_readlink, path, name, sizeof name - 1);
    if (raw_equal(name, "anon_inode:[eventfd]")) {
        struct object *object = conduit_found(thread, TRACE_OBJECT_EVENTFD,
                                              CONDUIT_KEY(CONDUIT_UNKNOWN, TRACE_FD_EVENT));
        return FD_STATE(EVENT) | FD_IN(object) | FD_OUT(object) | flags | FD_READS | FD_WRITES;
    }
    if (raw_equal(name, "anon_inode:[timerfd]"))
        return FD_STATE(TIMER) | flags;
    if (raw_equal(name, "anon_inode:[signalfd]"))
        return FD_STATE(SIGNALS) | flags;
    if (raw_equal(name, "anon_inode:[eventpoll]"))
        return FD_STATE(EPOLL);
    return FD_STATE(OTHER) | flags;
}

static uint64_t identify(struct thread *thread, int fd)
{
    struct stat facts;
    long mode = raw2(SYS_fcntl, fd, F_GETFL);
    if (mode < 0 || raw2(SYS_fstat, fd, &facts) < 0)
        return 0;
    uint64_t flags = fd_flags((int)mode);
    switch (facts.st_mode & S_IFMT) {
    case S_IFIFO:
        return identify_pipe(thread, &facts, flags, (int)mode & O_ACCMODE);
    case S_IFSOCK:
        return fd_identify_socket(thread, fd, flags);
    case 0:
        return identify_anonymous(thread, fd, flags);
    default:
        return FD_STATE(PLAIN);
    }
}

uint64_t fd_know(struct thread *thread, int fd)
{
    if (!known(fd))
        return FD_STATE(PLAIN);
    uint64_t state = fd_states[fd];
    uint16_t fresh = fd_type(state) == TRACE_FD_SOCKET ? fd_epoch() : FD_UNNAMED;
    bool stale = (fd_type(state) == TRACE_FD_SOCKET || fd_type(state) == TRACE_FD_DATAGRAM) &&
                 !has_conduit(state) && fd_extra(state) != fresh;
    if (fd_type(state) != TRACE_FD_UNKNOWN && !stale)
        return state;
    state = stale ? fd_identify_socket(thread, fd, state & (FD_NONBLOCK | FD_TIMED))
                  : identify(thread, fd);
    if (state)
        fd_states[fd] = state;
    return state ? state : FD_STATE(PLAIN);
}

/* ---- order by numbers ---- */

/* Another thread's higher number may be overwritten by our lower one: that only costs a close_range the edges of one number. */
static inline void number_seen(unsigned fd)
{
    if (fd >= numbers_seen)
        numbers_seen = fd + 1;
}

unsigned fd_numbers(void)
{
    return numbers_seen;
}

static void number_acquire(struct thread *thread, int fd, uintptr_t pc)
{
    struct object *object = &object_table[numbers[fd]];
    struct clock_pair pairs[16];
    object_lock(object);
    uint32_t count = clock_read(object, pairs, 16);
    object->shown.flags &= ~TRACE_OBJECT_CLOSED;
    object->shown.owner = thread->task;
    object_unlock(object);
    clock_learn(thread, pairs, count, object, pc);
}

static void state_replace(int fd, uint64_t state, uintptr_t pc)
{
    bool order = !fd_alone() && numbers[fd];
    bool unseen = has_conduit(fd_states[fd]); /* the C library closed what stood here */
    if (order || unseen) {
        struct thread *thread = thread_enter();
        if (!thread)
            return;
        if (unseen)
            state_hold(thread, fd_states[fd], -1);
        if (order)
            number_acquire(thread, fd, pc);
        thread_leave(thread);
    }
    fd_states[fd] = state;
}

void fd_opened(int fd, uint64_t state, uintptr_t pc)
{
    if (!known(fd) || fd_foreign_process())
        return;
    number_seen((unsigned)fd);
    state_replace(fd, state, pc);
}

void fd_duplicated(int from, int fd, uintptr_t pc)
{
    if (!known(fd) || fd_foreign_process() || from == fd)
        return;
    uint64_t state = fd_peek(from);
    if (has_conduit(state)) {
        struct thread *thread = thread_enter();
        if (thread) {
            state_hold(thread, state, 1);
            thread_leave(thread);
        }
    }
    fd_opened(fd, state, pc);
}

struct object *fd_number(struct thread *thread, int fd)
{
    if (!known(fd))
        return NULL;
    if (!numbers[fd])
        numbers[fd] = object_id(object_get(thread, (uintptr_t)fd, TRACE_OBJECT_FD));
    return numbers[fd] ? &object_table[numbers[fd]] : NULL;
}

void fd_number_put(struct thread *thread, int fd)
{
    struct object *object = fd_alone() ? NULL : fd_number(thread, fd);
    if (object)
        clock_release_join(thread, object);
}

void fd_number_take(struct thread *thread, int fd, uintptr_t pc)
{
    if (!fd_alone() && known(fd) && numbers[fd])
        conduit_take(thread, &object_table[numbers[fd]], pc);
}

/* Whoever closes the number, it is given out again only after that: what this task did so far is before. */
static bool number_release(struct thread *thread, int fd)
{
    uint64_t state = fd_states[fd];
    if (fd_type(state) == TRACE_FD_QUEUE)
        queue_look(fd, fd_in(state));
    if (has_conduit(state)) { /* the end of what others read is before they see it */
        if (fd_in(state))
            conduit_end(thread, fd_in(state));
        if (fd_out(state) && fd_out(state)->shown.kind == TRACE_OBJECT_FILE)
            file_lock_closing(thread, fd_out(state));
        else if (fd_out(state) && fd_out(state) != fd_in(state))
            conduit_end(thread, fd_out(state));
        state_hold(thread, state, -1);
        if (fd_type(state) == TRACE_FD_SOCKET)
            fd_disconnected(state);
    }
    fd_states[fd] = 0;
    if (fd_alone())
        return false;
    struct object *object = fd_number(thread, fd);
    if (!object)
        return false;
    object_lock(object);
    bool own = !(object->shown.flags & TRACE_OBJECT_CLOSED) && object->shown.owner == thread->task;
    clock_publish(thread, object, thread->segment, !own);
    object->shown.flags |= TRACE_OBJECT_CLOSED;
    object->shown.last_owner = thread->task;
    object_unlock(object);
    return true;
}

void fd_closing(int fd)
{
    if (!known(fd) || (fd_alone() && !fd_states[fd]) || fd_foreign_process())
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    if (number_release(thread, fd))
        clock_new_segment(thread);
    thread_leave(thread);
}

void fd_closing_range(unsigned first, unsigned last)
{
    unsigned end = last < numbers_seen ? last + 1 : numbers_seen;
    if (first >= end || fd_foreign_process())
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    bool released = false;
    for (unsigned fd = first; fd < end && fd < FD_NUMBERS; fd++)
        if (raw2(SYS_fcntl, fd, F_GETFD) >= 0)
            released |= number_release(thread, (int)fd);
    if (released)
        clock_new_segment(thread);
    thread_leave(thread);
}
