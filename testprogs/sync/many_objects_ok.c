/*
 * Two threads make, nest and destroy 120,000 pairs of mutexes each, of a malloc that gives the same addresses again: more
 * objects than the recorder keeps. What it said of one must not be taken for what it says of its successor.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>
#include <stdlib.h>

enum { PAIRS = 120000 };

static void *worker(void *unused)
{
    for (int i = 0; i < PAIRS; i++) {
        pthread_mutex_t *pair[2];
        for (int k = 0; k < 2; k++) {
            pair[k] = malloc(sizeof(pthread_mutex_t) + (size_t)(i % 7) * 16);
            if (!pair[k] || pthread_mutex_init(pair[k], NULL))
                abort();
        }
        pthread_mutex_lock(pair[i % 2]);
        pthread_mutex_lock(pair[1 - i % 2]);
        pthread_mutex_unlock(pair[1 - i % 2]);
        pthread_mutex_unlock(pair[i % 2]);
        for (int k = 0; k < 2; k++) {
            pthread_mutex_destroy(pair[k]);
            free(pair[k]);
        }
    }
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, worker, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
