/*
 * The same with both parts done and the thread joined.
 *
 * EXPECT: none
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
    group_done(&group);
    pthread_join(thread, NULL);
    return 0;
}
