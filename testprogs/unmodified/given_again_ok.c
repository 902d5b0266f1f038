/*
 * A block that all threads know is freed by one, given out anew by malloc to another, and its pointer handed to a third by
 * a flag. The third's access is to the new block, and after the end of the old one by what malloc does, which nobody sees.
 * Nothing tells which block it was to: it is no proof of a race with the end of the old one.
 *
 * EXPECT: race @free @read [suspected]
 * MODE: patched
 * ONLY: the end of a block that was given out again; the compiler says that the flag is atomic
 */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../order.h"

enum { SIZE = 4000 }; /* more than malloc keeps for each thread */
static char *old;
static char *_Atomic handed;

static void *giver(void *unused)
{
    order_wait(1);
    free(old); /* @free */
    order_signal(2);
    return unused;
}

static void *taker(void *unused)
{
    char *volatile first = malloc(1); /* with what malloc itself needs for a thread */
    free(first);
    order_signal(1);
    order_wait(2);
    char *block = malloc(SIZE);
    memset(block, 7, SIZE);
    atomic_store_explicit(&handed, block, memory_order_release);
    return unused;
}

static void *user(void *unused)
{
    const char *block;
    while (!(block = atomic_load_explicit(&handed, memory_order_acquire)))
        sched_yield();
    return block[3] == 7 ? unused : &old; /* @read */
}

int main(void)
{
    pthread_t threads[3];
    mallopt(M_ARENA_MAX, 1);
    old = malloc(SIZE);
    char *behind = malloc(SIZE), *place = old;
    pthread_create(&threads[0], NULL, user, NULL);
    pthread_create(&threads[1], NULL, taker, NULL);
    pthread_create(&threads[2], NULL, giver, NULL);
    void *bad;
    pthread_join(threads[0], &bad);
    pthread_join(threads[1], NULL);
    pthread_join(threads[2], NULL);
    int same = handed == place;
    free(handed);
    free(behind);
    return bad || !same;
}
