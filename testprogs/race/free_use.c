/*
 * A block is freed while another thread still reads it. The read comes first in time.
 *
 * EXPECT: race @use @free [proved]
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

int sum;

static void *use(void *argument)
{
    int *block = argument;
    sum = block[3]; /* @use */
    order_signal(1);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int *block = calloc(8, sizeof(*block));
    pthread_create(&thread, NULL, use, block);
    order_wait(1);
    free(block); /* @free */
    pthread_join(thread, NULL);
    return 0;
}
