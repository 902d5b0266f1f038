/*
 * How the runner runs a command: in a process group of its own, with its output in files, for a limited time.
 */
#include "testprogs/runner/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("runner: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    exit(2);
}

char *path_make(char *buffer, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = vsnprintf(buffer, PATH_MAX, format, list);
    va_end(list);
    if (length < 0 || length >= PATH_MAX)
        die("path too long");
    return buffer;
}

void text_copy(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
}

char *file_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    size_t size = 0, capacity = 1 << 16;
    char *text = malloc(capacity);
    while (text) {
        size += fread(text + size, 1, capacity - 1 - size, file);
        if (size < capacity - 1)
            break;
        text = realloc(text, capacity *= 2);
    }
    fclose(file);
    if (!text)
        die("out of memory");
    text[size] = 0;
    return text;
}

void command_add(struct command *command, const char *word)
{
    if (command->argc + 1 >= (int)(sizeof(command->argv) / sizeof(command->argv[0])))
        die("too many words");
    command->argv[command->argc++] = word;
    command->argv[command->argc] = NULL;
}

void command_split(struct command *command, char *text)
{
    char *save = NULL;
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        command_add(command, word);
}

static void command_become(const struct command *command)
{
    for (int i = 0; i < command->env_count; i++) {
        if (strchr(command->env[i], '='))
            putenv((char *)(uintptr_t)command->env[i]);
        else
            unsetenv(command->env[i]);
    }
    setpgid(0, 0);
    int out = open(command->out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int err = open(command->err, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int in = open("/dev/null", O_RDONLY);
    if (out < 0 || err < 0 || in < 0 || (command->directory && chdir(command->directory)))
        _exit(126);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    close(in);
    close(out);
    close(err);
    execvp(command->argv[0], (char *const *)(uintptr_t)command->argv);
    _exit(127);
}

double clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int command_run(const struct command *command)
{
    double end = clock_now() + command->limit;
    int status = 0;
    pid_t pid = fork();
    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (!pid)
        command_become(command);
    setpgid(pid, pid);
    for (;;) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid || (got < 0 && errno != EINTR))
            break;
        if (clock_now() >= end) {
            kill(-pid, SIGKILL);
            waitpid(pid, &status, 0);
            return STATUS_HANG;
        }
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    kill(-pid, SIGKILL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
