/*
 * A field of width zero puts the bit-fields into different memory locations.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

struct {
    unsigned ready : 1, : 0, done : 1;
} flags;

static void *first(void *unused)
{
    flags.ready = 1;
    return unused;
}

static void *second(void *unused)
{
    flags.done = 1;
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
