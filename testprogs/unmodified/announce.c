/*
 * A plain flag announces plain data: the debug information and the source say that neither is atomic.
 *
 * EXPECT: race @raise @look ready [proved]
 * EXPECT: race @fill @use data [proved]
 * MODE: patched instrumented clang
 */
#include <pthread.h>

int ready, data, copy;

static void *first(void *unused)
{
    data = 42; /* @fill */
    ready = 1; /* @raise */
    return unused;
}

static void *second(void *unused)
{
    while (!ready) /* @look */
        __asm__ volatile("" ::: "memory");
    copy = data; /* @use */
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
