/*
 * The allocator hands the same block from thread to thread: accesses of different lives of a block never race.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

static void work(int value)
{
    for (int i = 0; i < 50; i++) {
        int *block = malloc(2000);
        for (int j = 0; j < 500; j++)
            block[j] = value + j;
        free(block);
    }
}

static void *first(void *unused)
{
    work(1);
    order_signal(1);
    return unused;
}

/* Takes over the arena of the first thread once that has ended. */
static void *second(void *unused)
{
    order_gone(1);
    work(2);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
