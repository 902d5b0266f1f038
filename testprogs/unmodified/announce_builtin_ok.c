/*
 * The same with the compiler's builtins on a plain int: what the variable is declared as does not prove a race.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <pthread.h>

int ready, data, copy;

static void *first(void *unused)
{
    data = 42;
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
    return unused;
}

static void *second(void *unused)
{
    while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
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
