/*
 * A thread is sent a signal that it waits for; what the sender writes after that is not ordered.
 *
 * EXPECT: race @late @use value
 * REPORT: by SIGUSR1
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <signal.h>

#include "../order.h"

static volatile int value;
static sigset_t set;

static void *waits(void *unused)
{
    int number;
    sigwait(&set, &number);
    order_wait(1);
    value++; /* @use */
    return unused;
}

int main(void)
{
    pthread_t thread;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&thread, NULL, waits, NULL);
    pthread_kill(thread, SIGUSR1);
    value++; /* @late */
    order_signal(1);
    pthread_join(thread, NULL);
    return 0;
}
