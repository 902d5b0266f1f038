/*
 * Threads made detached, or that detach themselves, and have ended when main returns.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"

static void *work(void *argument)
{
    if (argument)
        pthread_detach(pthread_self());
    order_signal(argument ? 1 : 2);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_create(&thread, &attributes, work, NULL);
    pthread_create(&thread, NULL, work, &attributes);
    pthread_attr_destroy(&attributes);
    order_gone(1);
    order_gone(2);
    return 0;
}
