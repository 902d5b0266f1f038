/*
 * Two threads on stacks of the program's own, the smallest there is, count without a lock.
 *
 * EXPECT: race @store @store counter [proved]
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdlib.h>

#define SIZE 16384

long counter;

static void *run(void *unused)
{
    counter++; /* @store */
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    void *stacks[2];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    for (int i = 0; i < 2; i++) {
        stacks[i] = aligned_alloc(64, SIZE);
        pthread_attr_setstack(&attributes, stacks[i], SIZE);
        pthread_create(&threads[i], &attributes, run, NULL);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        free(stacks[i]);
    }
    return 0;
}
