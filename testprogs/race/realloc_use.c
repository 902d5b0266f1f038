/*
 * A table grows by realloc while another thread writes into it.
 *
 * EXPECT: race @use @grow [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

static void *use(void *argument)
{
    int *block = argument;
    block[3] = 1; /* @use */
    order_signal(1);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int *block = calloc(8, sizeof(*block));
    pthread_create(&thread, NULL, use, block);
    order_wait(1);
    block = realloc(block, 1 << 20); /* @grow */
    pthread_join(thread, NULL);
    free(block);
    return 0;
}
