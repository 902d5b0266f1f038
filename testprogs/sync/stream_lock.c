/*
 * Each thread has another stream's lock.
 *
 * EXPECT: race @count @count count [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdio.h>

static long count;

static void *worker(void *stream)
{
    flockfile(stream);
    count++; /* @count */
    funlockfile(stream);
    return NULL;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, worker, stdin);
    pthread_create(&b, NULL, worker, stdout);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return count == 0;
}
