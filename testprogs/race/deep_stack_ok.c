/*
 * Deep recursion of two threads that only read.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

int depth_value;
int copy;

__attribute__((noinline)) static int down(int n, int write)
{
    if (n)
        return down(n - 1, write) + 1;
    if (write)
        __asm__ volatile("");
    else
        copy = depth_value;
    return 0;
}

static void *first(void *unused)
{
    return down(300, 1) == 300 ? unused : NULL;
}

static void *second(void *unused)
{
    return down(20, 0) == 20 ? unused : NULL;
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
