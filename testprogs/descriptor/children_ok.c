/*
 * Children of all kinds hold what their parent opened, and close it for themselves alone: the parent's own waits on it are
 * not for the parent to end.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static int ends[2];

static void reap(pid_t child)
{
    int status;
    waitpid(child, &status, 0);
    printf("%d\n", WEXITSTATUS(status));
}

static void *reader(void *unused)
{
    char byte;
    while (read(ends[0], &byte, 1) == 1)
        putchar(byte);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pid_t child;
    char *arguments[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"exit 3"}, NULL};
    int kept[2];
    pipe(ends);
    pipe(kept);
    child = vfork();
    if (!child) {
        close(ends[0]);
        close(ends[1]);
        close(kept[0]);
        close(kept[1]);
        execve("/bin/sh", arguments, environ);
        _exit(9);
    }
    reap(child);
    if (!posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ))
        reap(child);
    if (!posix_spawnp(&child, "sh", NULL, NULL, arguments, environ))
        reap(child);
    FILE *out = popen("echo popen", "r");
    char line[16] = "";
    fgets(line, sizeof line, out);
    pclose(out);
    printf("%s%d\n", line, WEXITSTATUS(system("exit 4")));
    pthread_create(&thread, NULL, reader, NULL);
    fflush(stdout);
    child = fork();
    if (!child) { /* the only one that writes; the thread in the parent waits for it */
        write(ends[1], "x\n", 2);
        _exit(0);
    }
    close(ends[1]);
    pthread_join(thread, NULL);
    reap(child);
    return 0;
}
