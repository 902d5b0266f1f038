/*
 * All threads are handed the address of the one loop variable.
 *
 * EXPECT: race @next @use [proved]
 * PATCHED: none
 * MODE: instrumented patched
 * ONLY: accesses to one's own stack by a frame's registers are not recorded in machine code
 */
#include <pthread.h>

_Atomic int seen[4];

static void *run(void *argument)
{
    int i = *(int *)argument; /* @use */
    __atomic_store_n(&seen[i & 3], 1, __ATOMIC_RELAXED);
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
