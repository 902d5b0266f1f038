/*
 * Compare-and-swap of sixteen bytes releases and acquires like any other.
 *
 * EXPECT: none
 * MODE: instrumented
 * CFLAGS: -mcx16
 * LIBS: -latomic
 */
#include <pthread.h>
#include <stdatomic.h>

static _Alignas(16) __int128 cell;
static int data;
int copy;

static void *first(void *unused)
{
    __int128 expected = 0;
    data = 7;
    __atomic_compare_exchange_n(&cell, &expected, (__int128)1 << 64, 0, __ATOMIC_RELEASE,
                                __ATOMIC_RELAXED);
    return unused;
}

static void *second(void *unused)
{
    while (__atomic_load_n(&cell, __ATOMIC_ACQUIRE) != (__int128)1 << 64)
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
