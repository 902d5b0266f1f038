/*
 * Sequentially consistent store and load, by plain operators.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>

static atomic_int ready;
int data;
int copy;

static void *first(void *unused)
{
    data = 42;
    ready = 1;
    return unused;
}

static void *second(void *unused)
{
    while (!ready)
        ;
    copy = data;
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
