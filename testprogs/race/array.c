/*
 * Two threads share one element of a table.
 *
 * EXPECT: race @one @two table[3] [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

int table[8];

static void *first(void *unused)
{
    for (int i = 0; i <= 3; i++)
        table[i] = 1; /* @one */
    return unused;
}

static void *second(void *unused)
{
    for (int i = 3; i < 8; i++)
        table[i] = 2; /* @two */
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
