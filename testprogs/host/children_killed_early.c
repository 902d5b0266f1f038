/*
 * Children are killed at any moment after their start, some before their recording has begun: the record is whole all the
 * same.
 *
 * EXPECT: none
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    int killed = 0;
    if (count > 1) {
        pause();
        return 0;
    }
    for (int i = 0; i < 40; i++) {
        struct timespec time = {0, 100000L * (i % 20)};
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", arguments[0], "child", (char *)NULL);
            _exit(1);
        }
        nanosleep(&time, NULL);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }
    printf("%d killed\n", killed);
    return 0;
}
