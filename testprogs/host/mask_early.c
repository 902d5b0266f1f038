/*
 * The mask of signals is changed and asked for by sigprocmask: before the recorder is there, in a handler, while stacks of many
 * calls are taken, and in ways that are errors.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile sig_atomic_t blocked_there, early = -1;

static int blocks(int number)
{
    sigset_t set;
    return sigprocmask(SIG_BLOCK, NULL, &set) == 0 ? sigismember(&set, number) : -1;
}

static void change(int how, int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    if (sigprocmask(how, &set, NULL))
        puts("failed");
}

static void first(int count, char **arguments, char **environment)
{
    (void)count, (void)arguments, (void)environment;
    change(SIG_BLOCK, SIGUSR2);
    early = blocks(SIGUSR2);
}
__attribute__((section(".preinit_array"), used)) static void (*const begin)(int, char **,
                                                                            char **) = first;

static void handler(int number)
{
    blocked_there = blocks(number);
}

static int descend(int depth)
{
    if (depth)
        return descend(depth - 1) + 1;
    pthread_mutex_lock(&lock);
    change(SIG_BLOCK, SIGTERM);
    int result = blocks(SIGTERM);
    change(SIG_UNBLOCK, SIGTERM);
    pthread_mutex_unlock(&lock);
    return result;
}

static void *work(void *unused)
{
    for (int i = 0; i < 30; i++)
        if (descend(i) != i + 1 || blocks(SIGTERM))
            puts("lost");
    return unused;
}

int main(void)
{
    sigset_t every;
    pthread_t threads[2];
    signal(SIGUSR1, handler);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    work(NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    raise(SIGUSR1);
    sigfillset(&every);
    errno = 0;
    int wrong = sigprocmask(77, &every, NULL);
    printf("%d %d %d %d %s\n", early, blocks(SIGUSR2), blocked_there, wrong, strerror(errno));
    return 0;
}
