/*
 * Each thread frees the block it made.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

int sum;

static void *use(void *argument)
{
    int *block = calloc(8, sizeof(*block));
    order_wait(1);
    sum = block[3];
    free(block);
    return argument;
}

int main(void)
{
    pthread_t thread;
    int *block = calloc(8, sizeof(*block));
    pthread_create(&thread, NULL, use, block);
    free(block);
    order_signal(1);
    pthread_join(thread, NULL);
    return 0;
}
