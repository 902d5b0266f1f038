/*
 * A field that is waited for, of the same struct all the time, becomes a synchronisation only while the loop runs: what its
 * check had been told of it (patch_word.c) holds no longer, and what is read behind the loop is ordered. (That the reads
 * before were no synchronisation nobody can tell.)
 *
 * EXPECT: race @wait @set channel.ready [suspected]
 * MODE: patched lazy
 * CFLAGS: -O2
 * ENV: GOROCHECK_OPTIONS=sites=0
 * ONLY: to instrumented code the read is a plain one
 */
#include <pthread.h>

#include "../order.h"

struct channel {
    long number;
    int ready;
};

static struct channel channel;

static void *receiver(void *argument)
{
    volatile struct channel *from = argument;
    for (long i = 1; !from->ready; i++) { /* @wait */
        if (i != 1000)
            continue;
        order_signal(1);
        order_wait(2);
    }
    return (void *)from->number;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, receiver, &channel);
    order_wait(1);
    channel.number = 42;
    __atomic_exchange_n(&channel.ready, 1, __ATOMIC_SEQ_CST); /* @set */
    order_signal(2);
    pthread_join(thread, NULL);
    return 0;
}
