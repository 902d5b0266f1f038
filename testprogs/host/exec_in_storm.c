/*
 * The program replaces itself again and again while another process sends it signals: none is blocked in what it becomes.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 30
#define WORDS  4096

static long words[WORDS], own[WORDS];

static void handler(int number)
{
    (void)number;
}

static void *work(void *unused)
{
    for (int i = 0; i < WORDS; i++)
        words[i] += i;
    return unused;
}

static pid_t sender(void)
{
    pid_t parent = getpid(), child = fork();
    if (child)
        return child;
    while (getppid() == parent)
        kill(parent, SIGURG); /* ignored where it is not handled */
    _exit(0);
}

int main(int count, char **arguments)
{
    int round = count > 3 ? atoi(arguments[1]) : 0, blocked = count > 3 ? atoi(arguments[2]) : 0;
    pid_t child = count > 3 ? atoi(arguments[3]) : sender();
    sigset_t mask;
    pthread_t thread;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    blocked += sigismember(&mask, SIGURG);
    sigemptyset(&mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    signal(SIGURG, handler);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < WORDS; i++) /* much that is still to be written */
        own[i * 331 % WORDS] += round;
    if (round < ROUNDS) {
        char text[3][16];
        sprintf(text[0], "%d", round + 1);
        sprintf(text[1], "%d", blocked);
        sprintf(text[2], "%d", (int)child);
        execl("/proc/self/exe", arguments[0], text[0], text[1], text[2], (char *)NULL);
        return 1;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("%d\n", blocked);
    return 0;
}
