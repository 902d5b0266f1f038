/*
 * A thread is cancelled in a condition wait: its cleanup handler gives the lock back.
 *
 * EXPECT: none
 * MODE: instrumented plain clang patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int cleaned;

static void cleanup(void *argument)
{
    cleaned = 1;
    pthread_mutex_unlock(argument);
}

static void *wait_forever(void *unused)
{
    pthread_mutex_lock(&lock);
    pthread_cleanup_push(cleanup, &lock);
    order_block(1);
    for (;;)
        pthread_cond_wait(&never, &lock);
    pthread_cleanup_pop(1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, wait_forever, NULL);
    order_blocked(1);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    pthread_mutex_lock(&lock);
    printf("%d %d\n", cleaned, result == PTHREAD_CANCELED);
    pthread_mutex_unlock(&lock);
    return 0;
}
