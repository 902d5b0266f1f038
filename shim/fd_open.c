/*
 * Functions that give and take descriptors: the rows FD_NEW and FD_GONE of trace/primitives.def, and by hand those that
 * give two numbers, take one and give it again, or have arguments of their own. The guard is down during the real call.
 *
 * Not seen: descriptors that the C library opens and closes for itself (getaddrinfo, popen, freopen, syslog).
 */
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/apart.h"
#include "shim/conduit.h"
#include "shim/fd.h"
#include "shim/file_lock.h"
#include "shim/outside.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/stack.h"
#include "shim/touch.h"

/* fileno sets errno for a stream without descriptor, and the host's is not ours to change. */
static int fd_of_file(FILE *file)
{
    int error = errno, fd = file ? fileno(file) : -1;
    errno = error;
    return fd;
}

static int fd_of_directory(DIR *directory)
{
    return directory ? dirfd(directory) : -1;
}

#define FD_NEW(ret, fn, params, args, fd, state) \
    EXPORT ret fn params;                        \
    EXPORT ret fn params                         \
    {                                            \
        LATE(fn);                                \
        uintptr_t pc = RETURN_PC;                \
        outside_tell();                          \
        ret result = real.fn args;               \
        outside_learn();                         \
        fd_opened(fd, state, pc);                \
        return result;                           \
    }
#define FD_GONE(ret, fn, params, args, fd)                                    \
    EXPORT ret fn params                                                      \
    {                                                                         \
        LATE(fn);                                                             \
        if (PRIMITIVE_##fn == PRIMITIVE_close && UNLIKELY(stack_unwinding())) \
            return (ret)stack_system(SYS_close, (long)(fd));                  \
        fd_closing(fd);                                                       \
        outside_tell();                                                       \
        return real.fn args;                                                  \
    }
#include "trace/primitives.def"

/* ---- with a mode that may be missing ---- */

#define MODE(last)                   \
    mode_t mode = 0;                 \
    va_list rest;                    \
    va_start(rest, last);            \
    if (__OPEN_NEEDS_MODE(last))     \
        mode = va_arg(rest, mode_t); \
    va_end(rest)

#define AS_GIVEN(...) __VA_ARGS__
#define OPEN(fn, params, args)                                               \
    EXPORT int fn params                                                     \
    {                                                                        \
        LATE(fn);                                                            \
        uintptr_t pc = RETURN_PC;                                            \
        MODE(flags);                                                         \
        if (PRIMITIVE_##fn == PRIMITIVE_open && UNLIKELY(stack_unwinding())) \
            return (int)stack_system(SYS_open, AS_GIVEN args);               \
        if (flags & O_CREAT)                                                 \
            outside_tell();                                                  \
        int result = real.fn args;                                           \
        outside_learn();                                                     \
        fd_opened(result, FD_STATE(UNKNOWN), pc);                            \
        return result;                                                       \
    }

OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))

/* ---- duplicates ---- */

static bool duplicates(int command)
{
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

static void fcntl_done(int fd, int command, void *argument, int result, uintptr_t pc)
{
    if (result < 0)
        return;
    if (duplicates(command))
        fd_duplicated(fd, result, pc);
    else if (command == F_SETFL)
        fd_flag(fd, fd_flags((int)(uintptr_t)argument), FD_NONBLOCK);
}

/* Every command takes one word or none; one that was not given is passed on as it lies in its register. */
#define FCNTL(fn)                                                                        \
    EXPORT int fn(int fd, int command, ...)                                              \
    {                                                                                    \
        LATE(fn);                                                                        \
        uintptr_t pc = RETURN_PC;                                                        \
        va_list rest;                                                                    \
        va_start(rest, command);                                                         \
        void *argument = va_arg(rest, void *);                                           \
        va_end(rest);                                                                    \
        if (file_lock_is(command))                                                       \
            return file_lock_control(real.fn, PRIMITIVE_##fn, fd, command, argument, pc, \
                                     (uintptr_t)__builtin_frame_address(0));             \
        int result = real.fn(fd, command, argument);                                     \
        fcntl_done(fd, command, argument, result, pc);                                   \
        return result;                                                                   \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

EXPORT int dup(int fd)
{
    LATE(dup);
    uintptr_t pc = RETURN_PC;
    int result = real.dup(fd);
    if (result >= 0)
        fd_duplicated(fd, result, pc);
    return result;
}

/* What stood at `to` is closed, and the number given again, in one step. */
EXPORT int dup2(int from, int to)
{
    LATE(dup2);
    uintptr_t pc = RETURN_PC;
    if (from != to)
        fd_closing(to);
    int result = real.dup2(from, to);
    if (result >= 0)
        fd_duplicated(from, result, pc);
    return result;
}

EXPORT int dup3(int from, int to, int flags)
{
    LATE(dup3);
    uintptr_t pc = RETURN_PC;
    fd_closing(to);
    int result = real.dup3(from, to, flags);
    if (result >= 0)
        fd_duplicated(from, result, pc);
    return result;
}

/* ---- conduits ---- */

static void pipe_made(const int pair[2], int flags, uintptr_t pc, uintptr_t frame)
{
    if (recorded(pc))
        touch_write(pair, 2 * sizeof *pair, pc);
    struct stat facts = {.st_ino = 0};
    struct thread *thread = fd_foreign_process() ? NULL : thread_enter();
    if (!thread)
        return;
    raw2(SYS_fstat, pair[0], &facts);
    uint32_t stack = stack_here(thread, pc, frame);
    struct object *object =
        conduit_make(thread, TRACE_OBJECT_PIPE, facts.st_ino ^ facts.st_dev << 40, 1, 1, stack);
    thread_leave(thread);
    uint64_t state = FD_STATE(PIPE) | FD_IN(object) | FD_OUT(object) | fd_flags(flags);
    fd_opened(pair[0], state | FD_READS, pc);
    fd_opened(pair[1], state | FD_WRITES, pc);
}

#define PIPE(fn, params, args, flags)                                          \
    EXPORT int fn params                                                       \
    {                                                                          \
        LATE(fn);                                                              \
        if (UNLIKELY(stack_unwinding()))                                       \
            return -1;                                                         \
        uintptr_t pc = RETURN_PC;                                              \
        int result = real.fn args;                                             \
        if (result == 0)                                                       \
            pipe_made(pair, flags, pc, (uintptr_t)__builtin_frame_address(0)); \
        return result;                                                         \
    }

PIPE(pipe, (int pair[2]), (pair), 0)
PIPE(pipe2, (int pair[2], int flags), (pair, flags), flags)

EXPORT int eventfd(unsigned count, int flags)
{
    LATE(eventfd);
    static uint32_t made;
    uintptr_t pc = RETURN_PC, frame = (uintptr_t)__builtin_frame_address(0);
    int result = real.eventfd(count, flags);
    struct thread *thread = result >= 0 && !fd_foreign_process() ? thread_enter() : NULL;
    if (!thread)
        return result;
    uint32_t number = __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
    struct object *object =
        conduit_make(thread, TRACE_OBJECT_EVENTFD, CONDUIT_KEY(CONDUIT_EVENT, number), 1, 1,
                     stack_here(thread, pc, frame));
    thread_leave(thread);
    fd_opened(result,
              FD_STATE(EVENT) | FD_IN(object) | FD_OUT(object) | FD_READS | FD_WRITES |
                  fd_flags(flags),
              pc);
    return result;
}

/* ---- many at once ---- */

EXPORT int close_range(unsigned first, unsigned last, int flags)
{
    LATE(close_range);
    if (!((unsigned)flags & CLOSE_RANGE_CLOEXEC))
        fd_closing_range(first, last);
    return real.close_range(first, last, flags);
}

EXPORT void closefrom(int low)
{
    LATE(closefrom);
    fd_closing_range(low < 0 ? 0 : (unsigned)low, ~0u);
    real.closefrom(low);
}

/* ---- other processes ---- */

EXPORT int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const arguments[],
                       char *const environment[])
{
    LATE(posix_spawn);
    fd_child();
    outside_tell();
    int result;
    APART_AGAIN(result = real.posix_spawn(child, path, actions, attributes, arguments, environment),
                result == EAGAIN);
    return result;
}

EXPORT int posix_spawnp(pid_t *child, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const arguments[],
                        char *const environment[])
{
    LATE(posix_spawnp);
    fd_child();
    outside_tell();
    int result;
    APART_AGAIN(result =
                    real.posix_spawnp(child, file, actions, attributes, arguments, environment),
                result == EAGAIN);
    return result;
}

EXPORT FILE *popen(const char *command, const char *mode)
{
    LATE(popen);
    fd_child();
    outside_tell();
    FILE *stream;
    APART_AGAIN(stream = real.popen(command, mode), !stream && errno == EAGAIN);
    return stream;
}

EXPORT int system(const char *command)
{
    LATE(system);
    fd_child();
    outside_tell();
    int status = real.system(command);
    outside_learn();
    return status;
}

/* What the C library reads from it and writes to it is not seen. */
EXPORT FILE *fdopen(int fd, const char *mode)
{
    LATE(fdopen);
    fd_share(fd);
    return real.fdopen(fd, mode);
}

/*
 * A vfork child returns from here before its parent does, on the same stack: so there may be no frame of ours, only a
 * jump. Without the real function (a call before we were born) a fork will do.
 */
__attribute__((used)) static void *vfork_target(void)
{
    LATE(vfork);
    fd_vforked();
    return real.vfork ? (void *)(uintptr_t)real.vfork : (void *)(uintptr_t)real.fork;
}

__asm__(".globl vfork\n"
        ".type vfork, @function\n"
        "vfork:\n"
        "    subq $8, %rsp\n"
        "    call vfork_target\n"
        "    addq $8, %rsp\n"
        "    jmp *%rax\n"
        ".size vfork, . - vfork\n");
