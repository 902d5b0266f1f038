/*
 * An atomic flag announces data: plain moves in the machine code, atomic by the debug information.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdatomic.h>

static atomic_int ready;
int data[32], copy;

static void *first(void *unused)
{
    for (int i = 0; i < 32; i++)
        data[i] = i * i;
    atomic_store_explicit(&ready, 1, memory_order_release);
    return unused;
}

static void *second(void *unused)
{
    while (!atomic_load_explicit(&ready, memory_order_acquire))
        ;
    for (int i = 0; i < 32; i++)
        copy += data[i];
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
