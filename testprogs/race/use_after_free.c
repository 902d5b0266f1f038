/*
 * A block is read by one thread after another has freed it.
 *
 * EXPECT: race @use @free [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

int sum;

static void *use(void *argument)
{
    int *block = argument;
    order_wait(1);
    sum = block[3]; /* @use */
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int *block = calloc(8, sizeof(*block));
    pthread_create(&thread, NULL, use, block);
    free(block); /* @free */
    order_signal(1);
    pthread_join(thread, NULL);
    return 0;
}
