/*
 * Numbers of descriptors and their order: see fd.h. A process with one task pays a comparison here; a number that was never
 * closed, or only by the task itself, costs one load when it is given again.
 *
 * A close joins the number's clock; only that of the task which was given the number, and so is after all that the clock
 * held, replaces it. Hence a task that closes a number in vain (EBADF), or puts something else there (dup2), does not hide
 * what others did before their close.
 */
#include "shim/fd.h"

#include "shim/banned.h"
#include "shim/clock.h"
#include "shim/object.h"
#include "shim/raw.h"
#include "shim/table.h"

#define NUMBERS (1u << 20) /* 4 MB of address space; Linux allows as many by default (fs.nr_open) */

static volatile uint32_t
    *numbers; /* object of each, 0: never closed while there was more than one task */
static volatile unsigned numbers_seen; /* all that were given out by functions we see are below */

enum { NUMBER_OPEN, NUMBER_CLOSED }; /* in the object's `value` */

bool fd_setup(void)
{
    numbers = memory_get(NUMBERS * sizeof *numbers);
    return numbers;
}

static inline bool of_interest(unsigned fd)
{
    return fd < NUMBERS && shim_state == SHIM_ON && table_tasks.count > 2;
}

/* Another thread's higher number may be overwritten by our lower one: that only costs a close_range the edges of one number. */
static inline void number_seen(unsigned fd)
{
    if (fd >= numbers_seen)
        numbers_seen = fd + 1;
}

void fd_opened(int fd, uintptr_t pc)
{
    if (fd < 0)
        return;
    number_seen((unsigned)fd);
    if (!of_interest((unsigned)fd) || !numbers[fd])
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    struct object *object = &object_table[numbers[fd]];
    struct clock_pair pairs[16];
    object_lock(object);
    uint32_t count = clock_read(object, pairs, 16);
    object->shown.value = NUMBER_OPEN;
    object->shown.owner = thread->task;
    object_unlock(object);
    clock_learn(thread, pairs, count, object, pc);
    thread_leave(thread);
}

/* Whoever closes the number, it is given out again only after that: what this task did so far is before. */
static void number_release(struct thread *thread, unsigned fd)
{
    if (!numbers[fd])
        numbers[fd] = object_id(object_get(thread, fd, TRACE_OBJECT_FD));
    if (!numbers[fd])
        return;
    struct object *object = &object_table[numbers[fd]];
    object_lock(object);
    bool own = object->shown.value == NUMBER_OPEN && object->shown.owner == thread->task;
    clock_publish(thread, object, thread->segment, !own);
    object->shown.value = NUMBER_CLOSED;
    object->shown.last_owner = thread->task;
    object_unlock(object);
}

void fd_closing(int fd)
{
    if (!of_interest((unsigned)fd))
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    number_release(thread, (unsigned)fd);
    clock_new_segment(thread);
    thread_leave(thread);
}

void fd_closing_range(unsigned first, unsigned last)
{
    unsigned end = last < numbers_seen ? last + 1 : numbers_seen;
    struct thread *thread = first < end && of_interest(first) ? thread_enter() : NULL;
    if (!thread)
        return;
    for (unsigned fd = first; fd < end && fd < NUMBERS; fd++)
        if (raw2(SYS_fcntl, fd, 1 /* F_GETFD */) >= 0)
            number_release(thread, fd);
    clock_new_segment(thread);
    thread_leave(thread);
}
