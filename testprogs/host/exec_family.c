/*
 * Each member of the exec family replaces a child; the last one replaces the program.
 *
 * EXPECT: none
 * EXPECT: exit 9
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(int way)
{
    char code[32];
    snprintf(code, sizeof(code), "exit %d", way + 1);
    char *const arguments[] = {"sh", "-c", code, NULL};
    char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    switch (way) {
    case 0:
        execve("/bin/sh", arguments, environment);
        break;
    case 1:
        execv("/bin/sh", arguments);
        break;
    case 2:
        execvp("sh", arguments);
        break;
    case 3:
        execvpe("sh", arguments, environment);
        break;
    case 4:
        fexecve(open("/bin/sh", O_RDONLY), arguments, environment);
        break;
    case 5:
        execl("/bin/sh", "sh", "-c", code, (char *)NULL);
        break;
    case 6:
        execlp("sh", "sh", "-c", code, (char *)NULL);
        break;
    case 7:
        execle("/bin/sh", "sh", "-c", code, (char *)NULL, environment);
        break;
    case 8:
        execveat(AT_FDCWD, "/bin/sh", arguments, environment, 0);
        break;
    }
}

int main(void)
{
    if (execlp("/no/such/program", "x", (char *)NULL) != -1 || errno != ENOENT)
        return 1;
    for (int way = 0; way < 9; way++) {
        int status = 0;
        fflush(stdout);
        pid_t child = fork();
        if (!child) {
            become(way);
            _exit(99);
        }
        waitpid(child, &status, 0);
        printf("%d\n", WEXITSTATUS(status));
    }
    fflush(stdout);
    execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
    return 1;
}
