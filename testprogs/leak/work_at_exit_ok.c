/*
 * Main waits for the work to be done.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static int written;

static void *save(void *unused)
{
    written = 1;
    order_signal(1);
    order_pause(1);
    written = 2;
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, save, NULL);
    pthread_join(thread, NULL);
    return 0;
}
