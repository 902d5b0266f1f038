/*
 * Functions that give and take descriptors: the rows FD_NEW and FD_GONE of trace/primitives.def, and by hand those that
 * give two numbers, take one and give it again, or have arguments of their own. The guard is down during the real call.
 *
 * Not seen: descriptors that the C library opens and closes for itself (getaddrinfo, popen, freopen, syslog).
 */
#include <stdarg.h>
#include <unistd.h>

#include "shim/fd.h"
#include "shim/real.h"

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

#define FD_NEW(ret, fn, params, args, fd) \
    EXPORT ret fn params;                 \
    EXPORT ret fn params                  \
    {                                     \
        LATE(fn);                         \
        uintptr_t pc = RETURN_PC;         \
        ret result = real.fn args;        \
        fd_opened(fd, pc);                \
        return result;                    \
    }
#define FD_GONE(ret, fn, params, args, fd) \
    EXPORT ret fn params                   \
    {                                      \
        LATE(fn);                          \
        fd_closing(fd);                    \
        return real.fn args;               \
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

#define OPEN(fn, params, args)     \
    EXPORT int fn params           \
    {                              \
        LATE(fn);                  \
        uintptr_t pc = RETURN_PC;  \
        MODE(flags);               \
        int result = real.fn args; \
        fd_opened(result, pc);     \
        return result;             \
    }

OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPEN(openat64, (int at, const char *path, int flags, ...), (at, path, flags, mode))

EXPORT mqd_t mq_open(const char *name, int flags, ...)
{
    LATE(mq_open);
    uintptr_t pc = RETURN_PC;
    mode_t mode = 0;
    struct mq_attr *attributes = NULL;
    if (flags & O_CREAT) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        attributes = va_arg(rest, struct mq_attr *);
        va_end(rest);
    }
    mqd_t result = real.mq_open(name, flags, mode, attributes);
    fd_opened(result, pc);
    return result;
}

/* ---- duplicates ---- */

static bool duplicates(int command)
{
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

/* Every command takes one word or none; one that was not given is passed on as it lies in its register. */
#define FCNTL(fn)                                    \
    EXPORT int fn(int fd, int command, ...)          \
    {                                                \
        LATE(fn);                                    \
        uintptr_t pc = RETURN_PC;                    \
        va_list rest;                                \
        va_start(rest, command);                     \
        void *argument = va_arg(rest, void *);       \
        va_end(rest);                                \
        int result = real.fn(fd, command, argument); \
        if (duplicates(command))                     \
            fd_opened(result, pc);                   \
        return result;                               \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

/* What stood at `to` is closed, and the number given again, in one step. */
EXPORT int dup2(int from, int to)
{
    LATE(dup2);
    uintptr_t pc = RETURN_PC;
    if (from != to)
        fd_closing(to);
    int result = real.dup2(from, to);
    fd_opened(result, pc);
    return result;
}

EXPORT int dup3(int from, int to, int flags)
{
    LATE(dup3);
    uintptr_t pc = RETURN_PC;
    fd_closing(to);
    int result = real.dup3(from, to, flags);
    fd_opened(result, pc);
    return result;
}

/* ---- two at once ---- */

#define PAIR(fn, params, args)      \
    EXPORT int fn params            \
    {                               \
        LATE(fn);                   \
        uintptr_t pc = RETURN_PC;   \
        int result = real.fn args;  \
        if (result == 0) {          \
            fd_opened(pair[0], pc); \
            fd_opened(pair[1], pc); \
        }                           \
        return result;              \
    }

PAIR(pipe, (int pair[2]), (pair))
PAIR(pipe2, (int pair[2], int flags), (pair, flags))
PAIR(socketpair, (int family, int type, int protocol, int pair[2]), (family, type, protocol, pair))

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
