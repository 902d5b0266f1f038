/*
 * Waits for input from any of several descriptors: poll and select, whose list is known when the wait begins, and epoll, of
 * whose set the kernel is asked, again only after a change of any set. Such a wait is judged only if it has no time limit and
 * all that it waits for are conduits that no other process holds; else, or if a signal handler of the program's may write to
 * one, it is by design. Its cases are kept like those of a select: a list in `stacks` of descriptor << 33 | object << 1. The
 * object of an epoll set is in it, too: it is marked as shared once the set has had a member of another sort, and not judged
 * from then on. So servers, which listen or have timers, are asked about once.
 */
#include "shim/poll_list.h"

#include <sys/epoll.h>

#include "shim/apart.h"
#include "shim/banned.h"
#include "shim/conduit.h"
#include "shim/raw.h"
#include "shim/signal.h"
#include "shim/stack.h"
#include "shim/table.h"
#include "shim/task.h"

#define CASES TRACE_STACK_DEPTH

#define INPUT (POLLIN | POLLRDNORM | POLLRDBAND | POLLPRI | POLLRDHUP)

bool poll_list_known(const struct pollfd *list, nfds_t count)
{
    if (count < 2 || count > CASES)
        return false;
    for (nfds_t i = 0; i < count; i++)
        if (list[i].fd < 0 || !list[i].events || list[i].events & ~INPUT ||
            !fd_in(fd_peek(list[i].fd)))
            return false;
    return true;
}

/* One word of the list; 0: others may end the wait. Guard up. */
static uint64_t word_of(struct object *object, int fd)
{
    bool conduit = object && (object->shown.kind == TRACE_OBJECT_PIPE ||
                              object->shown.kind == TRACE_OBJECT_SOCKET ||
                              object->shown.kind == TRACE_OBJECT_EVENTFD);
    return conduit && !conduit_shared(object) ? (uint64_t)fd << 33 | object_id(object) << 1 : 0;
}

static bool ready(const struct pollfd *list, nfds_t count)
{
    struct pollfd copy[CASES];
    for (nfds_t i = 0; i < count; i++)
        copy[i] = list[i];
    return raw3(SYS_poll, copy, count, 0) != 0;
}

static void block(struct io *io, const uint64_t *words, uint32_t list, int fd)
{
    io->thread->record->list = list;
    io->waits = &object_table[(uint32_t)(words[0] >> 1)];
    task_block(io->thread, io->primitive, io->waits, NULL, false, (uint64_t)fd, io_stack(io));
    io->blocked = io->listed = true;
}

void poll_list_block(struct io *io, uint32_t primitive, const struct pollfd *list, nfds_t count)
{
    uint64_t words[CASES];
    if (!io_enter_any(io, primitive, list[0].fd))
        return;
    bool own = !signal_handled();
    for (nfds_t i = 0; i < count && own; i++) {
        words[i] = word_of(fd_in(fd_know(io->thread, list[i].fd)), list[i].fd);
        own = words[i] != 0;
    }
    if (own && !ready(list, count))
        block(io, words, stack_put_list(words, (uint32_t)count), list[0].fd);
    io_leave(io);
}

/* ---- epoll ---- */

static uint32_t changes = 1; /* of any set */

void poll_set_changed(struct thread *thread, int set, bool judged)
{
    __atomic_fetch_add(&changes, 1, __ATOMIC_RELAXED);
    struct object *object = fd_number(thread, set);
    if (object && !judged)
        __atomic_fetch_or(&object->shown.flags, TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
}

static uint64_t number_read(const char **text, unsigned base)
{
    uint64_t value = 0;
    while (**text == ' ' || **text == '\t')
        ++*text;
    for (;; ++*text) {
        unsigned digit = **text >= '0' && **text <= '9' ? (unsigned)(**text - '0')
                         : base == 16 && **text >= 'a' && **text <= 'f'
                             ? (unsigned)(**text - 'a') + 10
                             : base;
        if (digit >= base)
            return value;
        value = value * base + digit;
    }
}

/* What the epoll set of this number has, from "tfd:        5 events:       19 data: ..."; 0: not all of it can be judged. */
static uint32_t set_read(int set, uint64_t *words)
{
    char path[40] = "/proc/self/fdinfo/", text[2048];
    size_t used = raw_length(path);
    char digits[12];
    unsigned places = 0;
    for (unsigned n = (unsigned)set; n || !places; n /= 10)
        digits[places++] = (char)('0' + n % 10);
    while (places)
        path[used++] = digits[--places];
    long length = apart_read(path, text, sizeof text - 1);
    if (length <= 0 || length >= (long)sizeof text - 1)
        return 0;
    text[length] = 0;
    uint32_t count = 0;
    for (const char *at = text; *at; at += *at != 0) {
        if (raw_equal_n(at, "tfd:", 4)) {
            at += 4;
            int watched = (int)number_read(&at, 10);
            while (*at == ' ')
                at++;
            if (!raw_equal_n(at, "events:", 7))
                return 0;
            at += 7;
            uint64_t events = number_read(&at, 16);
            struct object *object = fd_in(fd_peek(watched));
            if (events & EPOLLOUT || count == CASES - 1 ||
                !(words[count] = word_of(object, watched)))
                return 0;
            count++;
        }
        while (*at && *at != '\n')
            at++;
    }
    return count;
}

bool poll_set_block(struct io *io, uint32_t primitive, int set)
{
    uint64_t read[CASES];
    const uint64_t *words = read;
    if (!io_enter_any(io, primitive, set))
        return true;
    struct object *object = fd_number(io->thread, set);
    struct object_private *own = object ? object_private(object) : NULL;
    uint32_t now = __atomic_load_n(&changes, __ATOMIC_RELAXED), count = 0;
    if (own && !(object->shown.flags & TRACE_OBJECT_SHARED) && own->set_asked != now) {
        own->set_list = 0;
        own->set_asked = now;
        count = set_read(set, read);
        if (count) {
            read[count++] = (uint64_t)set << 33 | object_id(object) << 1;
            own->set_list = stack_put_list(read, count);
        }
    }
    bool judged = own && !(object->shown.flags & TRACE_OBJECT_SHARED) && own->set_list;
    if (judged) {
        words = stack_frames(own->set_list, &count);
        for (uint32_t i = 0; i + 1 < count && judged; i++)
            judged = !conduit_shared(&object_table[(uint32_t)(words[i] >> 1)]);
    }
    struct pollfd request = {.fd = set, .events = POLLIN};
    judged = judged && !signal_handled();
    if (judged && raw3(SYS_poll, &request, 1, 0) == 0)
        block(io, words, own->set_list, set);
    io_leave(io);
    if (!judged)
        io->thread = NULL;
    return judged;
}

/* ---- at the end ---- */

void poll_list_at_end(struct trace_task *record)
{
    uint32_t count = 0;
    const uint64_t *words = stack_frames(record->list, &count);
    bool over = signal_handled();
    for (uint32_t i = 0; i < count && !over; i++) {
        struct pollfd request = {.fd = (int)(words[i] >> 33), .events = INPUT};
        struct object *object = &object_table[(uint32_t)(words[i] >> 1)];
        over = raw3(SYS_poll, &request, 1, 0) != 0 ||
               (object->shown.kind != TRACE_OBJECT_FD && conduit_shared(object));
    }
    if (over)
        record->flags |= TRACE_TASK_READY;
}
