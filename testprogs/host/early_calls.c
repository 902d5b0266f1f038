/*
 * What is intercepted is called before any constructor, the recorder's included: handlers, fork, the ways out, execve.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t handled, status[4] = {-1, -1, -1, -1};

static void handle(int number)
{
    handled += number;
}

static int ended(pid_t child)
{
    int value = -1;
    waitpid(child, &value, 0);
    return WIFEXITED(value) ? WEXITSTATUS(value) : 256 + WTERMSIG(value);
}

static void first(void)
{
    static char *const arguments[] = {"sh", "-c", "exit 5", NULL}, *const environment[] = {NULL};
    struct sigaction action = {.sa_handler = handle};
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGUSR2, handle);
    raise(SIGUSR1);
    raise(SIGUSR2);
    pid_t child = fork();
    if (!child)
        _exit(3);
    status[0] = ended(child);
    child = fork();
    if (!child)
        _Exit(4);
    status[1] = ended(child);
    child = fork();
    if (!child)
        execve("/bin/sh", arguments, environment);
    status[2] = ended(child);
}
__attribute__((section(".preinit_array"), used)) static void (*before)(void) = first;

int main(void)
{
    printf("%d %d %d %d\n", handled == SIGUSR1 + SIGUSR2, status[0], status[1], status[2]);
    return 0;
}
