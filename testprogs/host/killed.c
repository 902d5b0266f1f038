/*
 * A thread raises SIGTERM.
 *
 * EXPECT: none
 * EXPECT: exit 143
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "../order.h"

static void *work(void *unused)
{
    order_blocked(1);
    raise(SIGTERM);
    return unused;
}

int main(void)
{
    pthread_t thread;
    puts("started");
    fflush(stdout);
    pthread_create(&thread, NULL, work, NULL);
    order_block(1);
    pthread_join(thread, NULL);
    puts("not reached");
    return 0;
}
