/*
 * Functions behind which the C library makes threads of its own: for timers, queues and input that call back, and for
 * names. Such a thread is seen for the first time in the middle of something, with others at work beside it; so the trace
 * is on disk before it is made, where tables and streams can still be moved without anybody writing to them.
 */
#include "shim/directory.h"
#include "shim/init.h"
#include "shim/outside.h"
#include "shim/real.h"
#include "shim/shim.h"

static void helper_expect(void)
{
    if (directory_active)
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    directory_need();
    thread_leave(thread);
}

static bool calls_back(const struct sigevent *event)
{
    return event && event->sigev_notify == SIGEV_THREAD;
}

#define HELPER(fn, params, args, threads) \
    EXPORT int fn params                  \
    {                                     \
        LATE(fn);                         \
        if (threads)                      \
            helper_expect();              \
        outside_tell();                   \
        return real.fn args;              \
    }

HELPER(timer_create, (clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer),
       (clock, event, timer), calls_back(event))
HELPER(mq_notify, (mqd_t queue, const struct sigevent *event), (queue, event), calls_back(event))
HELPER(aio_read, (struct aiocb * block), (block), true)
HELPER(aio_read64, (struct aiocb64 * block), (block), true)
HELPER(aio_write, (struct aiocb * block), (block), true)
HELPER(aio_write64, (struct aiocb64 * block), (block), true)
HELPER(aio_fsync, (int operation, struct aiocb *block), (operation, block), true)
HELPER(aio_fsync64, (int operation, struct aiocb64 *block), (operation, block), true)
HELPER(lio_listio,
       (int mode, struct aiocb *const list[restrict], int count, struct sigevent *restrict event),
       (mode, list, count, event), true)
HELPER(lio_listio64,
       (int mode, struct aiocb64 *const list[restrict], int count, struct sigevent *restrict event),
       (mode, list, count, event), true)
HELPER(getaddrinfo_a,
       (int mode, struct gaicb *list[restrict], int count, struct sigevent *restrict event),
       (mode, list, count, event), true)
