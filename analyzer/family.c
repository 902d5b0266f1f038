/*
 * Runs a program as its subreaper, so that descendants whose parent has gone become our children
 * and can be found and ended: see family.h. Signals from the terminal reach the program by
 * themselves; those sent to us alone are passed on.
 */
#include "analyzer/family.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/memory.h"

#define GRACE 2.0 /* seconds for descendants to end after the program has */
#define APART 1.0 /* between two signals: some send each twice, to us and to our group */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

struct process {
    pid_t pid, parent;
    char state;
    bool ours;
};

static bool process_read(struct process *process, const char *name)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%.20s/stat", name);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    if (file)
        fclose(file);
    text[length] = 0;
    const char *behind = strrchr(text, ')'); /* the name may hold anything */
    int parent;
    if (!behind || sscanf(behind + 1, " %c %d", &process->state, &parent) != 2)
        return false;
    process->pid = atoi(name);
    process->parent = parent;
    process->ours = false;
    return true;
}

/* All processes whose chain of parents leads to us, zombies left out. */
static pid_t *descendants(unsigned *count)
{
    struct process *all = NULL;
    unsigned n = 0, capacity = 0, result_capacity = 0;
    pid_t *result = NULL, self = getpid();
    DIR *proc = opendir("/proc");
    *count = 0;
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        MEMORY_GROW(all, n, capacity);
        n += process_read(&all[n], entry->d_name);
    }
    if (proc)
        closedir(proc);
    for (bool changed = true; changed;) {
        changed = false;
        for (unsigned i = 0; i < n; i++) {
            if (all[i].ours)
                continue;
            all[i].ours = all[i].parent == self;
            for (unsigned j = 0; j < n && !all[i].ours; j++)
                all[i].ours = all[j].ours && all[j].pid == all[i].parent;
            changed |= all[i].ours;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!all[i].ours || all[i].state == 'Z' || all[i].state == 'X')
            continue;
        MEMORY_GROW(result, *count, result_capacity);
        result[(*count)++] = all[i].pid;
    }
    free(all);
    return result;
}

static void signal_all(int signal)
{
    unsigned count;
    pid_t *pids = descendants(&count);
    for (unsigned i = 0; i < count; i++)
        kill(pids[i], signal);
    free(pids);
}

static unsigned descendants_left(void)
{
    unsigned count;
    free(descendants(&count));
    return count;
}

static void note_end(struct family *family)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    family->end_tsc = __builtin_ia32_rdtsc();
    family->end_ns = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Collects all that have ended; true if the program itself was among them. */
static bool reap(struct family *family)
{
    bool ended = false;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != family->pid)
            continue;
        family->status = status;
        if (!family->end_tsc)
            note_end(family);
        ended = true;
    }
    return ended;
}

/* They are stopped first, so that the end of one does not change what another one waits for. */
static void end_all(struct family *family, bool ended)
{
    struct timespec pause = {.tv_nsec = 10000000};
    double limit = now() + 10;
    signal_all(SIGSTOP);
    do {
        signal_all(SIGKILL);
        nanosleep(&pause, NULL);
        ended |= reap(family);
    } while ((!ended || descendants_left()) && now() < limit);
}

void family_signals(sigset_t *set)
{
    static const int signals[] = {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(set, signals[i]);
}

/* Waits for the next signal, but not beyond `end`; passes on what was meant for the program. Returns which that was, or 0. */
static int wait_signal(const struct family *family, const sigset_t *set, double end)
{
    struct timespec wait = {.tv_sec = 3600};
    siginfo_t info;
    if (end > 0) {
        double rest = end - now();
        rest = rest < 0 ? 0 : rest > 3600 ? 3600 : rest;
        wait.tv_sec = (time_t)rest;
        wait.tv_nsec = (long)((rest - (double)wait.tv_sec) * 1e9);
    }
    int signal = sigtimedwait(set, &info, &wait);
    if (signal <= 0 || signal == SIGCHLD || info.si_code > 0)
        return 0;
    kill(family->pid, signal);
    return signal;
}

/* Waits until the program has ended, or is to be ended. */
static bool wait_end(struct family *family, const sigset_t *set, struct family_limits limits)
{
    double begin = now(), end = limits.timeout > 0 ? begin + limits.timeout : 0, asked = 0;
    bool again = false;
    while (!reap(family)) {
        if (again || (end > 0 && now() >= end)) {
            family->killed = now() - begin;
            note_end(family);
            return false;
        }
        int signal = wait_signal(family, set, end);
        if (signal != SIGTERM && signal != SIGINT && signal != SIGQUIT)
            continue;
        double time = now();
        again = asked > 0 && signal == SIGTERM && time - asked >= APART;
        family->refused |= again;
        if (asked > 0)
            continue;
        asked = time;
        if (limits.grace > 0 && (end == 0 || asked + limits.grace < end)) {
            end = asked + limits.grace;
            family->refused = true;
        }
    }
    return true;
}

static void child_exec(const char *path, char *const *argv, const sigset_t *mask, int report)
{
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv(path, argv);
    int error = errno;
    if (write(report, &error, sizeof(error)) < 0)
        _exit(126);
    _exit(127);
}

/* Reads errno of a failed exec; the pipe is closed by one that succeeds. */
static int start_error(int fd)
{
    int error = 0;
    ssize_t length;
    do {
        length = read(fd, &error, sizeof(error));
    } while (length < 0 && errno == EINTR);
    return length == (ssize_t)sizeof(error) ? error : 0;
}

struct family family_run(const char *path, char *const *argv, struct family_limits limits)
{
    struct family family = {0};
    sigset_t set;
    int ends[2];
    family_signals(&set);
    sigprocmask(SIG_BLOCK, &set, &family.mask);
    if (pipe2(ends, O_CLOEXEC)) {
        family.start_error = errno;
        return family;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    fflush(NULL);
    family.pid = fork();
    if (!family.pid)
        child_exec(path, argv, &family.mask, ends[1]);
    close(ends[1]);
    family.start_error = family.pid < 0 ? errno : start_error(ends[0]);
    close(ends[0]);
    bool ended = family.pid < 0 || wait_end(&family, &set, limits);
    if (!ended)
        end_all(&family, ended);
    /* Orphans: they may be about to end too. */
    double grace = now() + GRACE;
    while (ended && !family.start_error && (family.left = descendants_left()) && now() < grace) {
        struct timespec pause = {.tv_nsec = 20000000};
        nanosleep(&pause, NULL);
        reap(&family);
    }
    return family;
}

void family_done(const struct family *family)
{
    sigprocmask(SIG_SETMASK, &family->mask, NULL);
}

int family_status(const struct family *family)
{
    return WIFSIGNALED(family->status) ? 128 + WTERMSIG(family->status)
                                       : WEXITSTATUS(family->status);
}
