/*
 * Two threads count in neighbouring fields, down to single bytes: no race.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>

struct {
    int hits, misses;
    char ready, done;
} stats;

static void *first(void *unused)
{
    stats.hits++;
    stats.ready = 1;
    return unused;
}

static void *second(void *unused)
{
    stats.misses++;
    stats.done = 1;
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
