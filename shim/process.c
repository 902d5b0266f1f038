/*
 * fork and exec. A fork child is one task with a record of its own; until it has something to say (a second task, an
 * untimed wait, an instrumented access) that record stays in memory, so that children that only exec leave no trace.
 */
#include <limits.h>
#include <stdarg.h>

#include "shim/access.h"
#include "shim/apart.h"
#include "shim/call.h"
#include "shim/channel.h"
#include "shim/clock.h"
#include "shim/directory.h"
#include "shim/end.h"
#include "shim/fd.h"
#include "shim/fiber.h"
#include "shim/init.h"
#include "shim/mark.h"
#include "shim/misuse.h"
#include "shim/module.h"
#include "shim/object.h"
#include "shim/orders.h"
#include "shim/outside.h"
#include "shim/patch.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/stack.h"
#include "shim/table.h"
#include "shim/task.h"
#include "shim/thread.h"
#include "shim/volume.h"

/* In the child: all that the parent shared becomes our own copy, and begins anew. */
void process_fork_child(struct thread *thread)
{
#define X(table) &table,
    struct table *const tables[] = {TABLES(X)};
#undef X
    memory_fork_child();
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (!table_unshare(tables[i])) {
            shim_state = SHIM_OFF;
            return;
        }
    }
    directory_forget();
    stack_fork_child();
    init_process_record(true);
    clock_fork_child();
    channel_fork_child();
    channel_meet_fork_child();
    module_fork_child();
    mark_fork_child();
    patch_fork_child();
    thread_fork_child();
    task_fork_child(thread);
    object_fork_child(thread);
    orders_fork_child();
    fd_fork_child();
    fiber_fork_child(thread);
    misuse_fork_child();
    volume_fork_child();
    end_fork_child();
    apart_fork_child();
    access_fork_child(thread);
}

static pid_t fork_once(void)
{
    stack_fork_prepare();
    fd_child();
    outside_forks();
    pid_t child = real.fork();
    int error = errno;
    if (child != 0) {
        stack_fork_done();
    } else {
        struct thread *thread = thread_enter(); /* notices that this is a child */
        if (thread)
            thread_leave(thread);
    }
    errno = error;
    return child;
}

EXPORT pid_t fork(void)
{
    pid_t child;
    shim_awake();
    APART_AGAIN(child = fork_once(), child < 0 && errno == EAGAIN);
    return child;
}

static int exec_failed(int result)
{
    int error = errno;
    end_exec_failed();
    errno = error;
    return result;
}

EXPORT int execve(const char *path, char *const arguments[], char *const environment[])
{
    shim_awake();
    end_exec(path);
    return exec_failed(real.execve(path, arguments, environment));
}

EXPORT int execv(const char *path, char *const arguments[])
{
    shim_awake();
    end_exec(path);
    return exec_failed(real.execv(path, arguments));
}

EXPORT int execvp(const char *file, char *const arguments[])
{
    shim_awake();
    end_exec(NULL);
    return exec_failed(real.execvp(file, arguments));
}

EXPORT int execvpe(const char *file, char *const arguments[], char *const environment[])
{
    shim_awake();
    end_exec(NULL);
    return exec_failed(real.execvpe(file, arguments, environment));
}

EXPORT int fexecve(int fd, char *const arguments[], char *const environment[])
{
    shim_awake();
    end_exec(NULL);
    return exec_failed(real.fexecve(fd, arguments, environment));
}

EXPORT int execveat(int fd, const char *path, char *const arguments[], char *const environment[],
                    int flags)
{
    LATE(execveat);
    end_exec(NULL);
    return exec_failed(real.execveat(fd, path, arguments, environment, flags));
}

/* The variadic forms: their arguments as an array on the stack, since this may be a vfork child. */
static size_t count_arguments(va_list rest)
{
    va_list copy;
    va_copy(copy, rest);
    size_t count = 1;
    while (va_arg(copy, char *))
        count++;
    va_end(copy);
    return count;
}

#define COLLECT(first)                                                    \
    va_list rest;                                                         \
    va_start(rest, first);                                                \
    size_t count = count_arguments(rest);                                 \
    char **arguments = __builtin_alloca((count + 1) * sizeof *arguments); \
    arguments[0] = (char *)(uintptr_t)first;                              \
    for (size_t i = 1; i <= count; i++)                                   \
    arguments[i] = va_arg(rest, char *)

EXPORT int execl(const char *path, const char *first, ...)
{
    COLLECT(first);
    va_end(rest);
    end_exec(path);
    return exec_failed(real.execv(path, arguments));
}

EXPORT int execlp(const char *file, const char *first, ...)
{
    COLLECT(first);
    va_end(rest);
    end_exec(NULL);
    return exec_failed(real.execvp(file, arguments));
}

EXPORT int execle(const char *path, const char *first, ...)
{
    COLLECT(first);
    char *const *environment = va_arg(rest, char *const *);
    va_end(rest);
    end_exec(path);
    return exec_failed(real.execve(path, arguments, environment));
}

/* ---- another user: the trace must be his, or nothing more could be written ---- */

static void give_trace(uid_t user)
{
    if (user == 0 || user == (uid_t)-1 || raw0(SYS_geteuid) != 0)
        return;
    struct thread *thread = thread_enter();
    if (!thread)
        return;
    directory_give(user);
    thread_leave(thread);
}

#define BECOME(fn, params, args, effective) \
    EXPORT int fn params                    \
    {                                       \
        give_trace(effective);              \
        return real.fn args;                \
    }
BECOME(setuid, (uid_t user), (user), user)
BECOME(seteuid, (uid_t user), (user), user)
BECOME(setreuid, (uid_t user, uid_t effective), (user, effective), effective)
BECOME(setresuid, (uid_t user, uid_t effective, uid_t saved), (user, effective, saved), effective)

/* ---- the ways out ---- */

EXPORT void exit(int status)
{
    shim_awake();
    end_note(RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    real.exit(status);
    __builtin_unreachable();
}

EXPORT void quick_exit(int status)
{
    shim_awake();
    end_note(RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    end_quick(status);
    real.quick_exit(status);
    __builtin_unreachable();
}

EXPORT void _exit(int status)
{
    shim_awake();
    real._exit(end_under(status, RETURN_PC, (uintptr_t)__builtin_frame_address(0)));
    __builtin_unreachable();
}

EXPORT void _Exit(int status)
{
    shim_awake();
    real._exit(end_under(status, RETURN_PC, (uintptr_t)__builtin_frame_address(0)));
    __builtin_unreachable();
}

EXPORT void abort(void)
{
    shim_awake();
    end_note(RETURN_PC, (uintptr_t)__builtin_frame_address(0));
    real.abort();
    __builtin_unreachable();
}
