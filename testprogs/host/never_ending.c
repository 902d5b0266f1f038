/*
 * Threads that never end: main returns while they wait for signals.
 *
 * EXPECT: unjoined @signal wait_for_signal [suspected]
 * EXPECT: unjoined @pause pause_forever [suspected]
 * MODE: plain
 * BARE: yes
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void *wait_for_signal(void *unused)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigwait(&set, &number);
    return unused;
}

static void *pause_forever(void *unused)
{
    pause();
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_signal, NULL); /* @signal */
    pthread_detach(thread);
    pthread_create(&thread, NULL, pause_forever, NULL); /* @pause */
    pthread_detach(thread);
    puts("leaving");
    return 0;
}
