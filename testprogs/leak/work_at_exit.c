/*
 * Main returns while a detached thread is in the middle of its work.
 *
 * EXPECT: unjoined @create save [suspected]
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static int written;

static void *save(void *unused)
{
    written = 1;
    order_signal(1);
    order_wait(2); /* never: as if it wrote to a slow disk */
    written = 2;
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, save, NULL); /* @create */
    pthread_detach(thread);
    order_wait(1);
    return 0;
}
