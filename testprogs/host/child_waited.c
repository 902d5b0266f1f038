/*
 * The report is made by a child that the program never made: no handler may hear of it, and no thread that waits for any
 * child may get it, be it when the program ends or when it becomes another.
 *
 * EXPECT: none
 * EXPECT: exit 5
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *text)
{
    if (write(1, text, strlen(text)) < 0)
        _exit(1);
}

static void child_gone(int number)
{
    (void)number;
    say("a child is gone\n");
}

static void *reap(void *unused)
{
    for (;;) {
        if (wait(NULL) > 0)
            say("not my child\n");
        usleep(100);
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    signal(SIGCHLD, child_gone);
    pthread_create(&thread, NULL, reap, NULL);
    pthread_detach(thread);
    say("begun\n");
    if (argc == 1) {
        execl("/proc/self/exe", argv[0], "again", (char *)NULL);
        return 1;
    }
    _exit(5);
}
