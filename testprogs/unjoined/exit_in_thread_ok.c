/*
 * A thread ends the process while main waits to join it: nothing is left undone.
 *
 * EXPECT: none
 * EXPECT: exit 7
 * MODE: plain instrumented
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "../order.h"

static void *work(void *unused)
{
    order_blocked(1);
    puts("leaving");
    exit(7);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    order_block(1);
    pthread_join(thread, NULL);
    return 0;
}
