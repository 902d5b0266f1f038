/*
 * Programs started by vfork, posix_spawn, system and popen.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(void)
{
    static char *const arguments[] = {"sh", "-c", "exit 3", NULL};
    pid_t child = vfork();
    if (!child) {
        execv("/bin/sh", arguments);
        _exit(127);
    }
    return child;
}

int main(void)
{
    char *const arguments[] = {"sh", "-c", "exit 4", NULL};
    char line[32] = "";
    int status = 0;
    pid_t child;
    waitpid(start(), &status, 0);
    printf("%d\n", WEXITSTATUS(status));
    if (posix_spawnp(&child, "sh", NULL, NULL, arguments, environ))
        return 1;
    waitpid(child, &status, 0);
    printf("%d\n", WEXITSTATUS(status));
    printf("%d\n", WEXITSTATUS(system("exit 5")));
    FILE *pipe = popen("echo hello", "r");
    if (!pipe || !fgets(line, sizeof(line), pipe))
        return 1;
    printf("%s%d\n", line, pclose(pipe));
    return 0;
}
