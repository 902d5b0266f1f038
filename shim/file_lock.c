/*
 * Locks on files: flock, fcntl, lockf. Which of them keep threads of one process apart is not what their names suggest:
 *
 *   flock, F_OFD_SETLK   belong to an open file description: two threads that opened the file each for itself exclude one
 *                        another, two that use one descriptor do not. So unlocking is before locking by another descriptor,
 *                        and no order at all where all use the same, or duplicates of it
 *   F_SETLK, lockf       belong to the process: between its threads they order nothing, and who waits waits for another
 *                        process
 *
 * One object for a file and a sort of lock, whatever the range: that errs on the side of more order. Its `value` says by
 * which descriptor (or duplicates of it) all unlocking was done. Who holds it exclusively is known for flock only.
 */
#include "shim/file_lock.h"

#include <linux/kcmp.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "shim/call.h"
#include "shim/clock.h"
#include "shim/conduit.h"
#include "shim/fd.h"
#include "shim/raw.h"
#include "shim/real.h"

enum by { BY_NONE = 0, BY_SEVERAL = -1 }; /* else the descriptor + 1 */

static int64_t by(int fd)
{
    return (int64_t)fd + 1;
}

/* Was it this descriptor, or one of the same open file description? The kernel may refuse to say: then more is ordered. */
static bool is_by(const struct object *object, int fd)
{
    int64_t before = object->shown.value;
    if (before == by(fd))
        return true;
    long self = before > 0 ? raw0(SYS_getpid) : 0;
    return self > 0 && raw5(SYS_kcmp, self, self, KCMP_FILE, before - 1, fd) == 0;
}

static struct object *lock_object(struct thread *thread, int fd, bool record)
{
    struct stat facts;
    if (raw2(SYS_fstat, fd, &facts) != 0)
        return NULL;
    uintptr_t key = CONDUIT_KEY(CONDUIT_FILE, facts.st_ino << 1 ^ facts.st_dev << 33 ^ record);
    struct object *object = object_find(thread, key, TRACE_OBJECT_FILE);
    if (object)
        return object;
    object = object_get(thread, key, TRACE_OBJECT_FILE);
    if (object)
        object_private(object)->children = fd_children;
    return object;
}

/* The close of this descriptor unlocks. */
static void remember(struct thread *thread, int fd, struct object *object)
{
    uint64_t state = fd_know(thread, fd);
    if (fd_type(state) == TRACE_FD_PLAIN && !fd_out(state))
        fd_note(fd, state | FD_OUT(object));
}

static void unlocked(struct thread *thread, struct object *object, int fd)
{
    object->shown.owner = 0;
    if (fd_alone())
        return;
    int64_t before = object->shown.value, how = fd < 0 ? BY_SEVERAL : by(fd);
    if (before != BY_NONE)
        how = fd >= 0 && is_by(object, fd) ? before : BY_SEVERAL;
    object_lock(object);
    clock_publish(thread, object, thread->segment, true);
    object->shown.value = object->shown.value == before ? how : BY_SEVERAL;
    object_unlock(object);
    clock_new_segment(thread);
}

void file_lock_closing(struct thread *thread, struct object *object)
{
    unlocked(thread, object, -1);
}

static void locked(struct call *call, int fd, bool exclusive)
{
    struct object *object = call->object;
    if (!is_by(object, fd))
        conduit_take(call->thread, object, call->pc);
    object->shown.owner = exclusive ? call->thread->task : 0;
    object->shown.owner_stack = exclusive ? call_stack(call) : 0;
    remember(call->thread, fd, object);
}

/* Guard up; false: nothing is to be noted. */
static bool begin(struct call *call, uint32_t primitive, int fd, bool record)
{
    struct thread *thread = thread_enter();
    if (!thread)
        return false;
    thread->events++;
    call->thread = thread;
    call->guarded = true;
    call->primitive = primitive;
    call->value = (uintptr_t)fd;
    call->kind = TRACE_OBJECT_FILE;
    call->object = lock_object(thread, fd, record);
    if (call->object)
        return true;
    call->thread = NULL;
    thread_leave(thread);
    return false;
}

static void blocks(struct call *call)
{
    if (conduit_shared(call->object))
        call->object->shown.owner = 0;
    call_block(call, VERB_MAY_BLOCK);
}

#define CALL                                                  \
    struct call call __attribute__((cleanup(call_leave))) = { \
        .pc = RETURN_PC, .frame = (uintptr_t)__builtin_frame_address(0)}

/* ---- flock ---- */

EXPORT int flock(int fd, int operation)
{
    LATE(flock);
    CALL;
    int error = errno, way = operation & ~LOCK_NB;
    if ((way != LOCK_SH && way != LOCK_EX && way != LOCK_UN) ||
        !begin(&call, PRIMITIVE_flock, fd, false))
        return real.flock(fd, operation);
    /* A lock that is there already is given up before the wait for the other sort. */
    bool converts = call.object->shown.owner == call.thread->task && way == LOCK_SH;
    if (way == LOCK_UN || converts)
        unlocked(call.thread, call.object, fd);
    if (way == LOCK_UN)
        return real.flock(fd, operation);
    int result = real.flock(fd, operation | LOCK_NB);
    if (result != 0 && errno == EWOULDBLOCK && !(operation & LOCK_NB)) {
        errno = error;
        blocks(&call);
        result = real.flock(fd, operation);
        call_return(&call, 0, 0);
    }
    if (result == 0 && shim_state == SHIM_ON)
        locked(&call, fd, way == LOCK_EX);
    return result;
}

/* ---- fcntl ---- */

bool file_lock_is(int command)
{
    return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK ||
           command == F_OFD_SETLKW;
}

int file_lock_control(int (*control)(int, int, ...), uint32_t primitive, int fd, int command,
                      void *lock, uintptr_t pc, uintptr_t frame)
{
    struct call call __attribute__((cleanup(call_leave))) = {.pc = pc, .frame = frame};
    const struct flock *range = lock;
    bool own = command == F_OFD_SETLK || command == F_OFD_SETLKW;
    bool waits = command == F_SETLKW || command == F_OFD_SETLKW;
    int error = errno;
    if ((!own && !waits) || !range || !begin(&call, primitive, fd, true))
        return control(fd, command, lock);
    if (own && range->l_type == F_UNLCK)
        unlocked(call.thread, call.object, fd);
    int result = control(fd, own ? F_OFD_SETLK : F_SETLK, lock);
    if (result != 0 && waits && (errno == EAGAIN || errno == EACCES)) {
        errno = error;
        blocks(&call);
        result = control(fd, command, lock);
        call_return(&call, 0, 0);
    }
    if (result == 0 && own && range->l_type != F_UNLCK && shim_state == SHIM_ON)
        locked(&call, fd, false);
    return result;
}

/* ---- lockf: the C library calls fcntl for it, but not through us ---- */

#define LOCKF(fn, type)                                                   \
    EXPORT int fn(int fd, int command, type size)                         \
    {                                                                     \
        LATE(fn);                                                         \
        CALL;                                                             \
        int error = errno;                                                \
        if (command != F_LOCK || !begin(&call, PRIMITIVE_##fn, fd, true)) \
            return real.fn(fd, command, size);                            \
        int result = real.fn(fd, F_TLOCK, size);                          \
        if (result != 0 && (errno == EAGAIN || errno == EACCES)) {        \
            errno = error;                                                \
            blocks(&call);                                                \
            result = real.fn(fd, command, size);                          \
            call_return(&call, 0, 0);                                     \
        }                                                                 \
        return result;                                                    \
    }

LOCKF(lockf, off_t)
LOCKF(lockf64, off64_t)
