/*
 * Runs a command and says what it cost: one line on stdout,
 *
 *     STATUS WALL_SECONDS CPU_SECONDS PEAK_KB ANONYMOUS_KB
 *
 * measure [-o FILE] [-t SECONDS] command arguments...
 *
 * The command's stdout goes to FILE (default /dev/null). PEAK_KB is the kernel's own high-water
 * mark and counts mapped trace files as far as they are in memory; ANONYMOUS_KB is the highest of
 * samples every 5 ms and leaves files out. A command that runs longer than SECONDS is killed
 * (status 124).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static long anonymous_kb(pid_t pid)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "RssAnon:", 8))
            kb = strtol(line + 8, NULL, 10);
    fclose(file);
    return kb;
}

int main(int argc, char **argv)
{
    const char *output = "/dev/null";
    double limit = 600;
    int option;
    while ((option = getopt(argc, argv, "+o:t:")) != -1) {
        if (option == 'o')
            output = optarg;
        else if (option == 't')
            limit = strtod(optarg, NULL);
        else
            return 2;
    }
    if (optind == argc)
        return 2;

    sigset_t child, before;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    double start = now();
    pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (fd >= 0)
            dup2(fd, 1);
        execvp(argv[optind], argv + optind);
        fprintf(stderr, "measure: %s: %s\n", argv[optind], strerror(errno));
        _exit(127);
    }

    long anonymous = 0;
    int status = 0, killed = 0;
    struct rusage usage;
    while (wait4(pid, &status, WNOHANG, &usage) == 0) {
        long kb = anonymous_kb(pid);
        if (kb > anonymous)
            anonymous = kb;
        if (!killed && now() - start > limit)
            killed = !kill(pid, SIGKILL);
        sigtimedwait(&child, NULL, &(struct timespec){.tv_nsec = 5 * 1000 * 1000});
    }
    double wall = now() - start;
    int code = killed ? 124 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    printf("%d %.4f %.4f %ld %ld\n", code, wall, seconds(usage.ru_utime) + seconds(usage.ru_stime),
           usage.ru_maxrss, anonymous);
    return 0;
}
