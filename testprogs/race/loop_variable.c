/*
 * All threads are handed the address of the one loop variable.
 *
 * EXPECT: race @next @use [proved]
 * PATCHED: race @next @late [suspected]
 * MODE: instrumented patched
 * ONLY: nothing tells that these moves of a word without a name are not atomic: suspected in machine code
 */
#include <pthread.h>

_Atomic int seen[4];

static void *run(void *argument)
{
    int i = *(int *)argument;                            /* @use */
    __atomic_store_n(&seen[i & 3], 1, __ATOMIC_RELAXED); /* @late: where gcc loads it */
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) { /* @next */
        pthread_create(&threads[i], NULL, run, &i);
    }
    for (int j = 0; j < 3; j++)
        pthread_join(threads[j], NULL);
    return 0;
}
