/*
 * Signals to the process come while threads end: each is handled by somebody. The next one is sent when the one before has
 * been handled, and only threads that live for a moment take them.
 *
 * EXPECT: none
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4000, PATIENCE = 10 };

static sem_t handled;
static sigset_t signals;
static atomic_int stop;

static void handle(int number)
{
    (void)number;
    sem_post(&handled);
}

static void *send(void *unused)
{
    while (!stop) {
        struct timespec late;
        kill(getpid(), SIGUSR1);
        clock_gettime(CLOCK_REALTIME, &late);
        late.tv_sec += PATIENCE;
        if (sem_timedwait(&handled, &late)) {
            puts("lost");
            break;
        }
    }
    return unused;
}

static void *take(void *unused)
{
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    return unused;
}

int main(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    pthread_t sender, taker;
    sem_init(&handled, 0, 0);
    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    pthread_create(&sender, NULL, send, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&taker, NULL, take, NULL);
        pthread_join(taker, NULL);
    }
    stop = 1;
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL); /* the last one */
    pthread_join(sender, NULL);
    return 0;
}
