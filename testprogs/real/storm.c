/*
 * To be preloaded: signals rain on all threads of the program, and of the processes it forks, from a timer of its own and
 * to each thread by name. The handlers, one of them with three arguments and on the alternate stack if there is one, work
 * on memory of the thread and check that nobody else has changed it. What they do to the program its clients must see.
 *
 *     STORM_MICROSECONDS=500 STORM_LOG=FILE LD_PRELOAD=storm.so PROGRAM
 *
 * Each process appends one line to FILE when it ends: how many signals, how many of them found something wrong.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WORDS 64u

static __thread uint32_t words[WORDS];
static __thread uint32_t inside;
static unsigned long signals, wrong;
static int numbers[2];

static void work(void)
{
    if (inside++ == 0) { /* the other handler may come in between */
        uint32_t first = words[0];
        for (uint32_t i = 0; i < WORDS; i++) {
            if (words[i] != first + i * (first != 0))
                __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
            words[i] = first + 1 + i;
        }
    }
    inside--;
    __atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED);
}

static void plain(int number)
{
    (void)number;
    int saved = errno;
    work();
    errno = saved;
}

static void informed(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    int saved = errno;
    if (info->si_signo != numbers[1])
        __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    work();
    errno = saved;
}

static void to_all(const struct timespec *pause)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *entry;
    if (!tasks)
        return;
    while ((entry = readdir(tasks))) {
        long task = atol(entry->d_name);
        if (task && task != syscall(SYS_gettid))
            syscall(SYS_tgkill, getpid(), task, numbers[1]);
    }
    closedir(tasks);
    nanosleep(pause, NULL);
}

static void *rain(void *unused)
{
    const char *wanted = getenv("STORM_MICROSECONDS");
    struct timespec pause = {0, (wanted ? atol(wanted) : 500) * 1000};
    for (;;)
        to_all(&pause);
    return unused;
}

static void start(void)
{
    const char *wanted = getenv("STORM_MICROSECONDS");
    long every = (wanted ? atol(wanted) : 500) * 1000;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = numbers[0]};
    struct itimerspec times = {{0, every}, {0, every}};
    timer_t timer;
    pthread_t thread;
    sigset_t all, before;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0)
        timer_settime(timer, 0, &times, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, rain, NULL) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void started_again(void)
{
    signals = wrong = 0;
    start();
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = {.sa_flags = SA_RESTART};
    /* Not queued, so that threads that block all signals do not use up what the user may have pending. */
    numbers[0] = SIGPROF;
    numbers[1] = SIGURG;
    action.sa_handler = plain;
    sigaction(numbers[0], &action, NULL);
    action.sa_flags |= SA_SIGINFO | SA_ONSTACK;
    action.sa_sigaction = informed;
    sigaction(numbers[1], &action, NULL);
    pthread_atfork(NULL, NULL, started_again);
    start();
}

__attribute__((destructor)) static void end(void)
{
    char line[100];
    const char *path = getenv("STORM_LOG");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    int length = snprintf(line, sizeof line, "signals %lu wrong %lu\n", signals, wrong);
    if (write(fd, line, (size_t)length) != length)
        perror(path);
    close(fd);
}
