/*
 * Message queues: how POSIX ones are opened, and the whole of System V queues and sets of semaphores, which have no
 * descriptors and are found by their ids.
 *
 * A wait at a queue is reported only if this process made it. Whoever made one with a name, which others can open, is told
 * of a stuck task only if another task of its own did the other half before (analyzer/wait.c); who made one without a name
 * (IPC_PRIVATE, or unlinked by now) is told as of a pipe.
 */
#include "shim/queue.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "shim/call.h"
#include "shim/clock.h"
#include "shim/conduit.h"
#include "shim/fd.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/stack.h"
#include "shim/touch.h"

/* As the kernel stamps queues of either sort: in seconds. */
static time_t stamp_now(void)
{
    struct timespec now = {0, 0};
    raw2(SYS_clock_gettime, CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

/* ---- POSIX ---- */

void queue_look(int fd, struct object *object)
{
    struct stat facts;
    if (object && object->shown.value == TRACE_NAME_NOW && raw2(SYS_fstat, fd, &facts) == 0 &&
        !facts.st_nlink)
        object->shown.value = TRACE_NAME_BEFORE;
}

static uint64_t queue_opened(struct thread *thread, int fd, int flags, time_t start, uint32_t stack)
{
    struct stat facts;
    uint64_t reads = (flags & O_ACCMODE) == O_WRONLY ? 0 : FD_READS;
    uint64_t writes = (flags & O_ACCMODE) == O_RDONLY ? 0 : FD_WRITES;
    uint64_t state = FD_STATE(QUEUE) | reads | writes | fd_flags(flags);
    if (raw2(SYS_fstat, fd, &facts) != 0)
        return state;
    uintptr_t identity = facts.st_ino ^ facts.st_dev << 40;
    struct object *object = object_find(thread, identity, TRACE_OBJECT_QUEUE);
    bool made = flags & O_CREAT && (flags & O_EXCL || facts.st_ctim.tv_sec >= start);
    if (object && object->shown.flags & TRACE_OBJECT_INIT_SEEN) {
        conduit_hold(thread, object, reads != 0, writes != 0);
    } else if (made && !object) {
        object = conduit_make(thread, TRACE_OBJECT_QUEUE, identity, reads != 0, writes != 0, stack);
        if (object)
            object->shown.value = TRACE_NAME_NOW;
    } else {
        object = conduit_found(thread, TRACE_OBJECT_QUEUE, identity);
    }
    return state | FD_IN(object) | FD_OUT(object);
}

EXPORT mqd_t mq_open(const char *name, int flags, ...)
{
    LATE(mq_open);
    uintptr_t pc = RETURN_PC, frame = (uintptr_t)__builtin_frame_address(0);
    mode_t mode = 0;
    struct mq_attr *attributes = NULL;
    if (flags & O_CREAT) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        attributes = va_arg(rest, struct mq_attr *);
        va_end(rest);
    }
    time_t start = stamp_now();
    mqd_t result = real.mq_open(name, flags, mode, attributes);
    struct thread *thread = result >= 0 && !fd_foreign_process() ? thread_enter() : NULL;
    if (!thread)
        return result;
    uint64_t state = queue_opened(thread, result, flags, start, stack_here(thread, pc, frame));
    thread_leave(thread);
    fd_opened(result, state, pc);
    return result;
}

/* ---- System V ---- */

#define CALL                                                  \
    struct call call __attribute__((cleanup(call_leave))) = { \
        .pc = RETURN_PC, .frame = (uintptr_t)__builtin_frame_address(0)}

/* A wrapper by the verbs' functions (call.c). Of those that were not seen made others may have made use. */
static bool begin(struct call *call, uint32_t primitive, uint32_t kind, int id, uint32_t before)
{
    struct object *object;
    struct thread *thread = thread_enter();
    if (!thread)
        return false;
    object = object_find(thread, CONDUIT_KEY(CONDUIT_SYSTEM, id), kind);
    bool own = object && object->shown.flags & TRACE_OBJECT_INIT_SEEN && !conduit_shared(object);
    thread_leave(thread);
    if ((fd_alone() && !own) ||
        !call_enter(call, primitive, kind, CONDUIT_KEY(CONDUIT_SYSTEM, id), 0, before))
        return false;
    if (!own)
        __atomic_fetch_or(&call->object->shown.flags, TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
    return true;
}

static void end(struct call *call, bool good)
{
    if (call->thread)
        call_return(call, good, VERB_ACQUIRE);
}

/* Another process, which still is. (The kernel notes a thread's id where a message went to one that waited for it.) */
static bool is_other(pid_t id)
{
    long own = raw0(SYS_getpid);
    return id && id != own && raw3(SYS_tgkill, own, id, 0) != 0 && raw2(SYS_kill, id, 0) != -ESRCH;
}

/* Another process has sent or received: then it may again. */
static void queue_users(struct object *object, int id)
{
    struct msqid_ds facts;
    if (raw3(SYS_msgctl, id, IPC_STAT, &facts) == 0 &&
        (is_other(facts.msg_lspid) || is_other(facts.msg_lrpid)))
        __atomic_fetch_or(&object->shown.flags, TRACE_OBJECT_SHARED, __ATOMIC_RELAXED);
}

bool queue_holds(const struct trace_object *object)
{
    struct msqid_ds facts;
    return raw3(SYS_msgctl, (int)object->address, IPC_STAT, &facts) == 0 && facts.msg_qnum;
}

/* `made`: it has not been there before. */
static void system_made(uint32_t kind, int id, bool made, bool named, uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = made && !fd_foreign_process() ? thread_enter() : NULL;
    if (!thread)
        return;
    struct object *object = conduit_make(thread, kind, CONDUIT_KEY(CONDUIT_SYSTEM, id), 1, 1,
                                         stack_here(thread, pc, frame));
    if (object)
        object->shown.value = named ? TRACE_NAME_NOW : TRACE_NAME_NEVER;
    thread_leave(thread);
}

static bool is_new(key_t key, int flags)
{
    return key == IPC_PRIVATE || (flags & IPC_CREAT && flags & IPC_EXCL);
}

EXPORT int msgget(key_t key, int flags)
{
    LATE(msgget);
    uintptr_t pc = RETURN_PC, frame = (uintptr_t)__builtin_frame_address(0);
    time_t start = stamp_now();
    int result = real.msgget(key, flags);
    struct msqid_ds facts;
    bool made =
        result >= 0 && (is_new(key, flags) ||
                        (flags & IPC_CREAT && raw3(SYS_msgctl, result, IPC_STAT, &facts) == 0 &&
                         !facts.msg_stime && !facts.msg_rtime && facts.msg_ctime >= start));
    struct thread *thread = made ? thread_enter() : NULL;
    if (thread) { /* asked for again by its key in the second in which it was made */
        made = is_new(key, flags) ||
               !object_find(thread, CONDUIT_KEY(CONDUIT_SYSTEM, result), TRACE_OBJECT_QUEUE);
        thread_leave(thread);
    }
    system_made(TRACE_OBJECT_QUEUE, result, made, key != IPC_PRIVATE, pc, frame);
    return result;
}

EXPORT int semget(key_t key, int count, int flags)
{
    LATE(semget);
    uintptr_t pc = RETURN_PC, frame = (uintptr_t)__builtin_frame_address(0);
    int result = real.semget(key, count, flags);
    system_made(TRACE_OBJECT_SEMSET, result, result >= 0 && is_new(key, flags), key != IPC_PRIVATE,
                pc, frame);
    return result;
}

/* What changes it, or takes it away, is before whoever notices. */
static void changes(struct call *call, uint32_t primitive, uint32_t kind, int id, bool posts)
{
    begin(call, primitive, kind, id, VERB_RELEASE_JOIN | (posts ? VERB_WAKE : 0));
}

EXPORT int msgctl(int queue, int command, struct msqid_ds *facts)
{
    LATE(msgctl);
    CALL;
    if (command == IPC_RMID)
        changes(&call, PRIMITIVE_msgctl, TRACE_OBJECT_QUEUE, queue, true);
    return real.msgctl(queue, command, facts);
}

/* The fourth argument is one word or none. */
EXPORT int semctl(int set, int number, int command, ...)
{
    LATE(semctl);
    va_list rest;
    va_start(rest, command);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    CALL;
    if (command == IPC_RMID || command == SETVAL || command == SETALL)
        changes(&call, PRIMITIVE_semctl, TRACE_OBJECT_SEMSET, set, true);
    return real.semctl(set, number, command, argument);
}

EXPORT int msgsnd(int queue, const void *message, size_t size, int flags)
{
    LATE(msgsnd);
    uintptr_t pc = RETURN_PC;
    int error = errno;
    if (recorded(pc))
        READ(message, sizeof(long) + size)
    CALL;
    if (!begin(&call, PRIMITIVE_msgsnd, TRACE_OBJECT_QUEUE, queue, VERB_RELEASE_JOIN | VERB_WAKE) ||
        flags & IPC_NOWAIT)
        return real.msgsnd(queue, message, size, flags);
    int result = real.msgsnd(queue, message, size, flags | IPC_NOWAIT);
    if (result < 0 && errno == EAGAIN) {
        errno = error;
        queue_users(call.object, queue);
        call_block(&call, VERB_MAY_BLOCK);
        result = real.msgsnd(queue, message, size, flags);
    }
    end(&call, result < 0 && errno == EIDRM);
    return result;
}

EXPORT ssize_t msgrcv(int queue, void *message, size_t size, long type, int flags)
{
    LATE(msgrcv);
    uintptr_t pc = RETURN_PC;
    int error = errno;
    CALL;
    bool seen = begin(&call, PRIMITIVE_msgrcv, TRACE_OBJECT_QUEUE, queue, 0);
    ssize_t result = real.msgrcv(queue, message, size, type, seen ? flags | IPC_NOWAIT : flags);
    if (seen && result < 0 && errno == ENOMSG && !(flags & IPC_NOWAIT)) {
        errno = error;
        queue_users(call.object, queue);
        call_block(&call, VERB_MAY_BLOCK);
        result = real.msgrcv(queue, message, size, type, flags);
    }
    if (seen && result >= 0)
        __atomic_fetch_add(&call.object->shown.unheard, 1, __ATOMIC_RELAXED);
    end(&call, result >= 0 || errno == EIDRM);
    if (result >= 0 && recorded(pc))
        WRITE(message, sizeof(long) + (size_t)result)
    return result;
}

static bool operations_wait(const struct sembuf *operations, size_t count)
{
    for (size_t i = 0; operations && i < count; i++)
        if (operations[i].sem_op <= 0 && !(operations[i].sem_flg & IPC_NOWAIT))
            return true;
    return false;
}

static bool operations_post(const struct sembuf *operations, size_t count)
{
    for (size_t i = 0; operations && i < count; i++)
        if (operations[i].sem_op > 0)
            return true;
    return false;
}

/* One clock for the whole set: an operation may take from one semaphore and give to another. */
#define SEMOP(fn, params, args, timed)                                                           \
    EXPORT int fn params                                                                         \
    {                                                                                            \
        LATE(fn);                                                                                \
        CALL;                                                                                    \
        uint32_t wakes = operations_post(operations, count) ? VERB_WAKE : 0;                     \
        if (begin(&call, PRIMITIVE_##fn, TRACE_OBJECT_SEMSET, set, VERB_RELEASE_JOIN | wakes)) { \
            if (operations_wait(operations, count))                                              \
                call_block(&call, VERB_MAY_BLOCK | (timed));                                     \
            else                                                                                 \
                call_pause(&call);                                                               \
        }                                                                                        \
        int result = real.fn args;                                                               \
        end(&call, result == 0 || errno == EIDRM);                                               \
        return result;                                                                           \
    }

SEMOP(semop, (int set, struct sembuf *operations, size_t count), (set, operations, count), 0)
SEMOP(semtimedop,
      (int set, struct sembuf *operations, size_t count, const struct timespec *timeout),
      (set, operations, count, timeout), timeout ? VERB_TIMED : 0u)
