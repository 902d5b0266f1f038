/*
 * _exit of the process from a thread while others run.
 *
 * EXPECT: none
 * EXPECT: exit 7
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"

static void *work(void *unused)
{
    order_blocked(1);
    _exit(7);
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
