/*
 * A handler posts a semaphore, by every way to send a signal.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static sem_t got;
static volatile sig_atomic_t count;

static void handler(int number)
{
    (void)number;
    count++;
    sem_post(&got);
}

static void handler_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    (void)info;
    handler(number);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler_info, .sa_flags = SA_SIGINFO | SA_RESTART};
    union sigval value = {.sival_int = 1};
    sem_init(&got, 0, 0);
    sigaction(SIGUSR1, &action, NULL);
    signal(SIGUSR2, handler);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    pthread_kill(pthread_self(), SIGUSR1);
    pthread_sigqueue(pthread_self(), SIGUSR1, value);
    sigqueue(getpid(), SIGUSR1, value);
    for (int i = 0; i < 5; i++)
        sem_wait(&got);
    printf("%d\n", (int)count);
    return 0;
}
