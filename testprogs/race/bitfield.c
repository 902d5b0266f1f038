/*
 * Two bit-fields in one word are one memory location.
 *
 * EXPECT: race @one @two [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

struct {
    unsigned ready : 1, done : 1;
} flags;

static void *first(void *unused)
{
    flags.ready = 1; /* @one */
    return unused;
}

static void *second(void *unused)
{
    flags.done = 1; /* @two */
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
