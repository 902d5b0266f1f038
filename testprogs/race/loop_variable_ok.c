/*
 * Each thread is handed a value of its own.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

int seen[4];

static void *run(void *argument)
{
    int i = (int)(long)argument;
    __atomic_store_n(&seen[i & 3], 1, __ATOMIC_RELAXED);
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, run, (void *)(long)i);
    }
    for (int j = 0; j < 3; j++)
        pthread_join(threads[j], NULL);
    return 0;
}
