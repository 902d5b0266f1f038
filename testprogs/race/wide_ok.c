/*
 * Sixteen bytes each.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

__int128 value[2];
long copy;

static void *first(void *unused)
{
    value[0] = 1;
    return unused;
}

static void *second(void *unused)
{
    copy = (long)(value[1] >> 64);
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
