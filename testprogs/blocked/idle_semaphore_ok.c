/*
 * A detached thread waits for a semaphore that only a signal handler would post, and no signal came:
 * idle by design (node has such a thread, for its debugger).
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

#include "../order.h"

static sem_t asked;

static void ask(int signal)
{
    (void)signal;
    sem_post(&asked);
}

static void *debugger(void *unused)
{
    order_block(1);
    for (;;)
        sem_wait(&asked);
    return unused;
}

int main(void)
{
    pthread_t thread;
    struct sigaction action = {.sa_handler = ask};
    sem_init(&asked, 0, 0);
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&thread, NULL, debugger, NULL);
    pthread_detach(thread);
    order_blocked(1);
    return 0;
}
