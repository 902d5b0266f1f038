/*
 * A program that ignores SIGCHLD: the kernel then keeps no status of its children, and the status of the report must be
 * known all the same.
 *
 * EXPECT: race @one @two counter
 * MODE: instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "../order.h"

static int counter;

static void *work(void *unused)
{
    counter++; /* @one */
    order_signal(1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    signal(SIGCHLD, SIG_IGN);
    pthread_create(&thread, NULL, work, NULL);
    order_wait(1);
    counter++; /* @two */
    pthread_join(thread, NULL);
    puts("done");
    return 0;
}
