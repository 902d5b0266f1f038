/*
 * Ten threads, one site: one finding.
 *
 * EXPECT: race @bump @bump counter [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

int counter;

static void *bump(void *unused)
{
    counter++; /* @bump */
    return unused;
}

int main(void)
{
    pthread_t threads[10];
    for (int i = 0; i < 10; i++)
        pthread_create(&threads[i], NULL, bump, NULL);
    for (int i = 0; i < 10; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
