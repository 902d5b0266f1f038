/*
 * Two threads fill the same table: one finding, however many elements.
 *
 * EXPECT: race @fill @fill [proved]
 * MODE: instrumented clang patched
 */
#include <pthread.h>

int table[100];

static void *fill(void *unused)
{
    for (int i = 0; i < 100; i++)
        table[i] = i; /* @fill */
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, fill, NULL);
    pthread_create(&b, NULL, fill, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
