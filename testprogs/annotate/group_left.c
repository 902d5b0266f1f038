/*
 * main has done its part of a wait group, and returns: nobody will do the other part, for which a thread waits.
 *
 * EXPECT: blocked @group_wait group.count [suspected]
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"
#include "../support/group.h"

static struct group group;

static void *wait_for_all(void *unused)
{
    order_block(1);
    group_wait(&group);
    return unused;
}

int main(void)
{
    pthread_t thread;
    group_add(&group, 2);
    pthread_create(&thread, NULL, wait_for_all, NULL);
    order_blocked(1);
    group_done(&group);
    return 0;
}
