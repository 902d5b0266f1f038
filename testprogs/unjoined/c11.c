/*
 * A C11 thread that is never joined.
 *
 * EXPECT: unjoined @create work [proved]
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
    thrd_create(&thread, work, NULL); /* @create */
    order_gone(1);
    return 0;
}
