/*
 * A race found far down in a recursion, with callers on both sides.
 *
 * EXPECT: race @write @read depth_value [proved]
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
        depth_value = 1; /* @write */
    else
        copy = depth_value; /* @read */
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
