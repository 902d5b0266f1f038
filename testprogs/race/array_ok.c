/*
 * Two threads share a table, not its elements.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>

int table[8];

static void *first(void *unused)
{
    for (int i = 0; i <= 3; i++)
        table[i] = 1;
    return unused;
}

static void *second(void *unused)
{
    for (int i = 4; i < 8; i++)
        table[i] = 2;
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
