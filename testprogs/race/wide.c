/*
 * Accesses of sixteen bytes.
 *
 * EXPECT: race @one @two value [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

__int128 value;
long copy;

static void *first(void *unused)
{
    value = 1; /* @one */
    return unused;
}

static void *second(void *unused)
{
    copy = (long)(value >> 64); /* @two */
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
