/*
 * fork, vfork, posix_spawn and clone out of patched code: parent and child compute on, both exactly.
 *
 * EXPECT: none
 * STATUS: 4
 * MODE: plain instrumented patched lazy
 */
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static unsigned words[1024];

__attribute__((noinline)) static unsigned work(unsigned seed)
{
    for (unsigned i = 0; i < 1024; i++) {
        words[i] = words[i] * 1664525u + seed;
        seed ^= words[i * 31 % 1024] >> 3;
    }
    return seed;
}

static int cloned(void *argument)
{
    return (int)(work(*(unsigned *)argument) & 63);
}

static int status_of(pid_t child)
{
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
    static char stack[1 << 18] __attribute__((aligned(16)));
    char *const arguments[] = {"true", NULL};
    unsigned sum = 0, seed = 5;
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (!child)
            _exit((int)(work(7) & 63));
        sum += work(3) + (unsigned)status_of(child);
        child = vfork();
        if (!child) {
            words[i]++;
            _exit((int)(words[i] & 63));
        }
        sum += (unsigned)status_of(child);
        sum += (unsigned)status_of(
            clone(cloned, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &seed));
        if (posix_spawnp(&child, "true", NULL, NULL, arguments, environ))
            return 1;
        sum += work((unsigned)status_of(child));
    }
    printf("%u\n", sum);
    return 0;
}
