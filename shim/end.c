/*
 * The end: who ended the process and how goes into the process record, all threads' records come to rest, and (unless
 * report=0) the analyzer runs in a process of its own. Between it and us stands a copy of ours, made without any exit
 * signal, so that the host's SIGCHLD handler and wait() never see one of them: a process that calls exec gets SIGCHLD for
 * its exit signal whatever it was made with, and where the host ignores SIGCHLD its status would be lost.
 *
 * exit() is caught by a handler registered before all others, hence run last. A status of our own is given by calling
 * exit() again from it: the C library goes on where it was, with the new status, and still flushes its streams.
 */
#include "shim/end.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>

#include "shim/access.h"
#include "shim/confine.h"
#include "shim/directory.h"
#include "shim/go.h"
#include "shim/held.h"
#include "shim/init.h"
#include "shim/io.h"
#include "shim/message.h"
#include "shim/module.h"
#include "shim/options.h"
#include "shim/patch.h"
#include "shim/patch_access.h"
#include "shim/raw.h"
#include "shim/real.h"
#include "shim/stack.h"
#include "shim/table.h"
#include "shim/task.h"

extern char **environ;

#define STATUS_LOST \
    3 /* of a program that itself ends with 0: what was recorded cannot be trusted, or was not looked at */

#define STATUS_UNOBSERVED 4 /* of such a program: nothing was recorded at all */

static volatile uint32_t ended;
static volatile uint32_t unobserved; /* the process that this is so of */
static int quick_status;
static volatile uint32_t exec_reported;

bool end_ours(void)
{
    return shim_state != SHIM_UNBORN && !confined && table_process.base &&
           (uint32_t)raw0(SYS_getpid) == process_record()->pid;
}

void end_unobserved(void)
{
    unobserved = (uint32_t)raw0(SYS_getpid);
    end_setup();
}

/* Exit status of a program without any record, or -1. */
static int status_unobserved(int code)
{
    bool ours = unobserved && unobserved == (uint32_t)raw0(SYS_getpid);
    return ours && code == 0 && shim_options.report &&
                   !__atomic_exchange_n(&ended, 1, __ATOMIC_SEQ_CST)
               ? STATUS_UNOBSERVED
               : -1;
}

void end_note(uintptr_t pc, uintptr_t frame)
{
    struct thread *thread = end_ours() ? thread_enter() : NULL;
    if (!thread)
        return;
    struct trace_process *process = process_record();
    process->end_task = thread->task;
    process->end_stack = stack_here(thread, pc, frame);
    thread_leave(thread);
}

/* ---- the report ---- */

static void analyzer_path(char *path, size_t size)
{
    size_t used = 0;
    path[0] = 0;
    if (shim_options.analyzer[0]) {
        raw_append(path, size, &used, shim_options.analyzer);
        return;
    }
    raw_append(path, size, &used, init_own_path);
    for (unsigned levels = 0; used > 0 && levels < 2;) /* .../lib/libgorocheck.so -> ... */
        levels += path[--used] == '/';
    path[used] = 0;
    raw_append(path, size, &used, "/bin/gorocheck");
}

/* The analyzer must not run under ourselves. */
static char **environment_without_us(void)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    char **copy = memory_get((count + 1) * sizeof *copy);
    if (!copy)
        return environ;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!raw_equal_n(environ[i], "LD_PRELOAD=", 11) &&
            !raw_equal_n(environ[i], "LD_LIBRARY_PATH=", 16))
            copy[kept++] = environ[i];
    copy[kept] = NULL;
    return copy;
}

/* Where the report goes: to stderr, if text may go there; else to the file `report` of the trace. */
static void stderr_arrange(void)
{
    if (message_possible())
        return;
    char path[sizeof(char[1100])];
    size_t used = 0;
    raw_append(path, sizeof path, &used, directory_path);
    raw_append(path, sizeof path, &used, "/report");
    long fd = raw3(SYS_open, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd >= 0 && fd != 2) {
        raw2(SYS_dup2, fd, 2);
        raw1(SYS_close, fd);
    }
}

static void analyzer_become(const char *path, char **environment)
{
    const char *const arguments[] = {"gorocheck", "analyze", "--at-exit", directory_path, NULL};
    uint64_t none = 0;
    raw4(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    raw3(SYS_execve, path, arguments, environment);
    raw1(SYS_exit_group, 127);
}

/* Wait status of a child, or -1. */
static int child_status(long child)
{
    int status = -1;
    long result;
    do
        result = raw4(SYS_wait4, child, &status, __WALL, NULL);
    while (result == -EINTR);
    return result == child ? status : -1;
}

/* The process in between. Signals are blocked in it; it never calls exec and does nothing but wait. */
static void analyzer_run(const char *path, char **environment)
{
    static const uint64_t as_ever[4] = {0}; /* a kernel's sigaction: SIG_DFL */
    raw4(SYS_rt_sigaction, SIGCHLD, as_ever, NULL, 8);
    raw1(SYS_umask, raw1(SYS_umask, 077) & 077); /* what is written is its owner's to read */
    stderr_arrange();
    for (int fd = 0; fd <= 2; fd++) /* node, for one, has them closed at an exec */
        raw3(SYS_fcntl, fd, F_SETFD, 0);
    raw3(SYS_close_range, 3, ~0u, 0);
    struct {
        uint64_t soft, hard;
    } files = {0, 0};
    if (raw4(SYS_prlimit64, 0, 7 /* RLIMIT_NOFILE: the program's, who may need few */, 0, &files) ==
        0) {
        files.soft = files.hard;
        raw4(SYS_prlimit64, 0, 7, &files, 0);
    }
    long child = raw5(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        analyzer_become(path, environment);
    int status = child > 0 ? child_status(child) : -1;
    if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
        raw2(SYS_kill, raw0(SYS_getpid), SIGKILL);
    raw1(SYS_exit_group, WEXITSTATUS(status));
}

/* Exit status of the analyzer. */
static int report(void)
{
    char path[1100];
    analyzer_path(path, sizeof path);
    long there = raw2(SYS_access, path, 1);
    if (there != 0) {
        shim_message("no analyzer at ", path, "; see the report with: gorocheck analyze ",
                     directory_path, NULL);
        return STATUS_LOST;
    }
    char **environment = environment_without_us();
    uint64_t all = ~UINT64_C(0), mask = 0;
    raw4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
    long child = raw5(SYS_clone, 0, 0, 0, 0, 0);
    if (child < 0) /* too much memory to copy, as with 100,000 goroutines: borrow it until exit */
        child = raw5(SYS_clone, CLONE_VM | CLONE_VFORK, 0, 0, 0, 0);
    if (child == 0)
        analyzer_run(path, environment);
    int status = child > 0 ? child_status(child) : -1;
    raw4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
    if (status == -1 || !WIFEXITED(status)) {
        shim_message("the analyzer failed; see the report with: gorocheck analyze ", directory_path,
                     NULL);
        return STATUS_LOST;
    }
    return WEXITSTATUS(status);
}

/* ---- coming to rest ---- */

static uint64_t clock_now(clockid_t clock)
{
    struct timespec time = {0, 0};
    raw2(SYS_clock_gettime, clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void add_events(struct thread *thread, void *data)
{
    *(uint64_t *)data += thread->events;
    if (!thread->record->name[0] && thread == thread_current)
        task_name(thread->record);
}

struct resting {
    uint64_t left; /* lines of threads that may come to rest yet */
    uint64_t own;  /* of who ends the process, in the midst of a record: it will not */
};

/* What others had not written yet: they are at rest for good, or what they have gathered is lost. */
static void write_gathered(struct thread *thread, void *data)
{
    struct resting *resting = data;
    *(thread == thread_current ? &resting->own : &resting->left) += access_rest(thread);
}

#define REST_NS \
    UINT64_C(1000000000) /* a thread without a processor may be within a record so long */

/* Returns how many lines could not be written. */
static uint64_t rest_write(void)
{
    const struct timespec pause = {0, 1000000};
    uint64_t until = clock_now(CLOCK_MONOTONIC) + REST_NS;
    for (;;) {
        struct resting resting = {0, 0};
        task_each_thread(write_gathered, &resting);
        if (!resting.left || clock_now(CLOCK_MONOTONIC) > until)
            return resting.left + resting.own;
        raw2(SYS_nanosleep, &pause, NULL);
    }
}

static uint64_t
    exec_lost; /* what exec takes from other threads, which go on until then: if it fails, nothing */

static void add_gathered(struct thread *thread, void *data)
{
    if (thread != thread_current)
        *(uint64_t *)data += access_gathered(thread);
}

static void process_close(enum trace_end how, int code)
{
    struct trace_process *process = process_record();
    struct thread *thread = thread_current;
    bool attached = (uintptr_t)thread > 1;
    uint32_t busy = attached ? thread->busy : 0;
    if (attached && !busy) {
        thread->busy = 1;
        access_flush(thread);
        if (stack_enter()) {
            module_refresh();
            stack_leave();
        }
        if (how == TRACE_END_SIGNAL)
            process->end_task = thread->task;
        if (go_on && how != TRACE_END_EXEC)
            go_at_end(thread, how == TRACE_END_EXIT);
        held_left(thread);
        task_held_show(thread);
    }
    if (how != TRACE_END_EXEC && !go_on)
        io_at_end();
    if (how != TRACE_END_EXEC)
        syscall_at_end();
    uint64_t events = 0;
    task_each_thread(add_events, &events);
    process->events += events;
    process->end_code = code;
    process->end_tsc = tsc_now();
    process->end_ns = clock_now(CLOCK_REALTIME);
    process->end = how;
    if (how == TRACE_END_EXEC) {
        exec_lost = 0;
        task_each_thread(add_gathered, &exec_lost);
        __atomic_fetch_add(&process->lost_access, exec_lost, __ATOMIC_RELAXED);
        if (attached && !busy) /* what was put off comes first: the other program keeps the mask */
            thread_leave(thread);
        return;
    }
    if (shim_state == SHIM_ON)
        shim_state = SHIM_ENDED;
    if (patch_on)
        patch_fence();
    task_await_rest(); /* they see shim_state */
    uint64_t lost = rest_write();
    if (lost)
        __atomic_fetch_add(&process->lost_access, lost, __ATOMIC_RELAXED);
    if (go_on && attached && !busy && how == TRACE_END_EXIT)
        go_work(thread);
    if (attached && !busy)
        thread_leave(thread);
}

void end_confined(const char *reason)
{
    if (__atomic_exchange_n(&ended, 1, __ATOMIC_SEQ_CST))
        return;
    process_close(TRACE_END_OFF, 0);
    shim_off(reason);
}

int end_process(enum trace_end how, int code)
{
    if (UNLIKELY(confined))
        return code == 0 && confine_lost() ? STATUS_LOST : -1;
    if (UNLIKELY(unobserved))
        return status_unobserved(code);
    if (!end_ours() || __atomic_exchange_n(&ended, 1, __ATOMIC_SEQ_CST))
        return -1;
    /* A detached task that has handed over its result has the rest of its function to run; it is not at work. */
    if (how == TRACE_END_EXIT && !go_on && shim_state == SHIM_ON)
        task_await_detached(shim_options.exit_wait_ms);
    process_close(how, code);
    directory_unused();
    if (!shim_options.report)
        return -1;
    int status = directory_active ? report() : process_record()->off_reason[0] ? STATUS_LOST : -1;
    bool found = status > 0 && status != STATUS_UNOBSERVED && status == shim_options.exitcode;
    /* Of several tasks something is always seen, but that Go's runtime, linked in, makes it mean nothing. */
    bool blind = status == STATUS_UNOBSERVED && table_tasks.count > 2;
    return found || ((status == STATUS_LOST || blind) && code == 0) ? status : -1;
}

int end_under(int status, uintptr_t pc, uintptr_t frame)
{
    if (!end_ours() && !unobserved && !confined)
        return status;
    end_note(pc, frame);
    int ours = end_process(TRACE_END_UNDER, status);
    return ours >= 0 ? ours : status;
}

void end_exec(const char *path)
{
    if (!end_ours() || ended || shim_state != SHIM_ON)
        return;
    if (path && raw2(SYS_access, path, 1) != 0)
        return;
    process_close(TRACE_END_EXEC, 0);
    directory_unused();
    if (directory_active && shim_options.report &&
        !__atomic_exchange_n(&exec_reported, 1, __ATOMIC_SEQ_CST))
        report();
}

void end_exec_failed(void)
{
    if (end_ours() && process_record()->end == TRACE_END_EXEC) {
        process_record()->end = TRACE_END_NONE;
        __atomic_fetch_sub(&process_record()->lost_access, exec_lost, __ATOMIC_RELAXED);
        exec_lost = 0;
    }
}

void end_fork_child(void)
{
    ended = 0;
    exec_reported = 0;
}

/* ---- exit and quick_exit ---- */

static void at_exit(int status, void *data)
{
    (void)data;
    int ours = end_process(TRACE_END_EXIT, status);
    if (ours >= 0)
        real.exit(ours);
}

void end_quick(int status)
{
    quick_status = status; /* which at_quick_exit does not tell */
}

static void at_quick(void)
{
    int ours = end_process(TRACE_END_QUICK, quick_status);
    if (ours >= 0)
        real._exit(ours);
}

bool end_setup(void)
{
    static bool done;
    if (!done)
        done = on_exit(at_exit, NULL) == 0 && at_quick_exit(at_quick) == 0;
    return done;
}
