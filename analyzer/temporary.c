/*
 * While a run goes on its folder has a file gorocheck.lock that we have locked, and nobody else: the program does not
 * inherit it. So a folder with one that can be locked was left behind by a run that was killed; the next run removes it.
 * The folder of a trace that is to be kept has none. Invariant: a file of this name is locked from its first moment, so
 * what is just being made is never taken for what was left.
 *
 * A process whose recorder still writes there keeps its folder, too, though its owner is gone.
 */
#include "analyzer/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyzer/family.h"
#include "analyzer/memory.h"
#include "analyzer/session.h"
#include "analyzer/trace.h"

#define PREFIX "gorocheck."
#define RANDOM 6 /* characters that mkdtemp chooses */
#define LOCK   "gorocheck.lock"

static char *folder; /* the one of this run */
static int lock = -1;
static pthread_t watcher;
static bool watched;
static int bell = -1; /* rung when the watcher is to end */

static bool is_trace(const struct dirent *entry)
{
    return !strncmp(entry->d_name, "trace", 5) &&
           strspn(entry->d_name + 5, ".0123456789") == strlen(entry->d_name + 5);
}

/* Calls `each` for the traces in a folder, until it says true; which is returned. */
static bool traces_each(const char *path, bool (*each)(const char *trace))
{
    DIR *listing = opendir(path);
    bool found = false;
    for (struct dirent *entry; listing && !found && (entry = readdir(listing));) {
        if (!is_trace(entry))
            continue;
        char *trace = memory_format("%s/%s", path, entry->d_name);
        found = each(trace);
        free(trace);
    }
    if (listing)
        closedir(listing);
    return found;
}

static bool lives(const char *path)
{
    char *error = NULL;
    struct trace *trace = trace_open_tables(path, &error);
    bool live = trace && trace->live;
    trace_close(trace);
    free(error);
    return live;
}

static bool remove_one(const char *path)
{
    session_remove(path);
    return false;
}

/* Its traces, then what says that it is to be removed. */
static void remove_all(const char *path)
{
    char *name = memory_format("%s/" LOCK, path);
    traces_each(path, remove_one);
    unlink(name);
    rmdir(path);
    free(name);
}

/* ---- left by others ---- */

static void sweep_one(const char *path)
{
    struct stat status;
    char *name = memory_format("%s/" LOCK, path);
    int fd = -1;
    if (!lstat(path, &status) && S_ISDIR(status.st_mode) && status.st_uid == geteuid())
        fd = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) {
        if (!flock(fd, LOCK_EX | LOCK_NB) && !traces_each(path, lives))
            remove_all(path);
        close(fd);
    }
    free(name);
}

static void sweep(const char *parent)
{
    DIR *listing = opendir(parent);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 ||
            strlen(entry->d_name) != strlen(PREFIX) + RANDOM)
            continue;
        char *path = memory_format("%s/%s", parent, entry->d_name);
        sweep_one(path);
        free(path);
    }
    if (listing)
        closedir(listing);
}

/* ---- our own ---- */

/* Where files cannot be locked there is none, and the folder is left if we are killed. */
static void lock_make(void)
{
    char *draft = memory_format("%s/" LOCK ".new", folder);
    char *name = memory_format("%s/" LOCK, folder);
    lock = open(draft, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (lock >= 0 && (flock(lock, LOCK_EX | LOCK_NB) || rename(draft, name))) {
        unlink(draft);
        close(lock);
        lock = -1;
    }
    free(draft);
    free(name);
}

char *temporary_make(const char *parent)
{
    sweep(parent);
    folder = memory_format("%s/" PREFIX "XXXXXX", parent);
    if (!mkdtemp(folder)) {
        int error = errno;
        free(folder);
        folder = NULL;
        errno = error;
        return NULL;
    }
    lock_make();
    return memory_text(folder);
}

/* No pthread_cancel, nor sigwait: where the system has no room for one more queued signal, no cancellation would arrive. */
static int next_signal(void)
{
    struct signalfd_siginfo info;
    sigset_t set;
    family_signals(&set);
    sigdelset(&set, SIGCHLD);
    struct pollfd both[] = {{.fd = bell, .events = POLLIN}, {.events = POLLIN}};
    both[1].fd = signalfd(-1, &set, SFD_CLOEXEC);
    int number = 0;
    while (number == 0 && (poll(both, 2, -1) >= 0 || errno == EINTR) && !both[0].revents)
        if (both[1].revents && read(both[1].fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
            number = (int)info.ssi_signo;
    close(both[1].fd);
    return number;
}

static void *watch(void *nothing)
{
    (void)nothing;
    sigset_t set;
    int number = next_signal();
    if (number == 0)
        return NULL;
    remove_all(folder);
    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    kill(getpid(), number);
    return NULL;
}

bool temporary_guard(void)
{
    if (!folder || watched)
        return watched;
    bell = eventfd(0, EFD_CLOEXEC);
    watched = bell >= 0 && !pthread_create(&watcher, NULL, watch, NULL);
    return watched;
}

void temporary_release(void)
{
    if (watched) {
        eventfd_write(bell, 1);
        pthread_join(watcher, NULL);
        close(bell);
        watched = false;
    }
    if (lock >= 0) {
        char *name = memory_format("%s/" LOCK, folder);
        unlink(name);
        free(name);
        close(lock);
        lock = -1;
    }
    free(folder);
    folder = NULL;
}
