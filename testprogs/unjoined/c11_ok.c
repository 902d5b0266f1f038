/*
 * A C11 thread that is detached and gone.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <threads.h>

#include "../order.h"

static int work(void *unused)
{
    order_signal(1);
    return unused != NULL;
}

int main(void)
{
    thrd_t thread;
    thrd_create(&thread, work, NULL);
    thrd_detach(thread);
    order_gone(1);
    return 0;
}
