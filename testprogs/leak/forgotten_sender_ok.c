/*
 * The reply has room of its own: the sender does not wait for the receiver.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "../order.h"

static struct {
    pthread_mutex_t lock;
    pthread_cond_t sent, taken;
    int full, value;
} reply = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

static void *fetch(void *unused)
{
    order_wait(1);
    pthread_mutex_lock(&reply.lock);
    reply.value = 42;
    reply.full = 1;
    pthread_cond_signal(&reply.sent);
    pthread_mutex_unlock(&reply.lock);
    order_signal(2);
    return unused;
}

static int receive(int milliseconds)
{
    struct timespec end;
    int value = -1;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += milliseconds * 1000000L;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&reply.lock);
    while (!reply.full && !pthread_cond_timedwait(&reply.sent, &reply.lock, &end))
        ;
    if (reply.full) {
        value = reply.value;
        reply.full = 0;
        pthread_cond_signal(&reply.taken);
    }
    pthread_mutex_unlock(&reply.lock);
    return value;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, fetch, NULL);
    pthread_detach(thread);
    printf("%d\n", receive(10));
    order_signal(1); /* too late */
    order_gone(2);
    return 0;
}
