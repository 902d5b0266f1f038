/*
 * Threads that never end: main returns while they wait for a signal and read from a pipe.
 *
 * EXPECT: unjoined @signal wait_for_signal [suspected]
 * EXPECT: unjoined @read read_forever [suspected]
 * MODE: plain
 * BARE: yes
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int ends[2];

static void *wait_for_signal(void *unused)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigwait(&set, &number);
    return unused;
}

static void *read_forever(void *unused)
{
    char c;
    return read(ends[0], &c, 1) ? unused : NULL;
}

int main(void)
{
    pthread_t thread;
    if (pipe(ends))
        return 1;
    pthread_create(&thread, NULL, wait_for_signal, NULL); /* @signal */
    pthread_detach(thread);
    pthread_create(&thread, NULL, read_forever, NULL); /* @read */
    pthread_detach(thread);
    puts("leaving");
    return 0;
}
