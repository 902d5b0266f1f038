/*
 * Threads that wait for signals when main returns: that is what they are for.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"

static sigset_t set;

static void *waits(void *unused)
{
    int number;
    order_block(1);
    sigwait(&set, &number);
    return unused;
}

static void *waits_for_info(void *unused)
{
    siginfo_t info;
    order_block(2);
    sigwaitinfo(&set, &info);
    return unused;
}

static void *pauses(void *unused)
{
    order_block(3);
    pause();
    return unused;
}

static void *suspends(void *unused)
{
    order_block(4);
    sigsuspend(&set);
    return unused;
}

int main(void)
{
    void *(*const works[])(void *) = {waits, waits_for_info, pauses, suspends};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < 4; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, works[i], NULL);
        pthread_detach(thread);
        order_blocked(i + 1);
    }
    puts("leaving");
    return 0;
}
