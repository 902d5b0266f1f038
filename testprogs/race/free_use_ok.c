/*
 * The block is freed after the join.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

int sum;

static void *use(void *argument)
{
    int *block = argument;
    sum = block[3];
    order_signal(1);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int *block = calloc(8, sizeof(*block));
    pthread_create(&thread, NULL, use, block);
    order_wait(1);
    pthread_join(thread, NULL);
    free(block);
    return 0;
}
