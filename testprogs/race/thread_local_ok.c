/*
 * Thread-local variables are as many as threads.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>

static __thread int mine;
static _Thread_local int buffer[32];

static void *first(void *unused)
{
    for (int i = 0; i < 32; i++)
        buffer[i] = mine++;
    return unused;
}

static void *second(void *unused)
{
    return first(unused);
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
