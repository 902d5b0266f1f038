/*
 * A plain int used by the compiler's atomic builtins: correct, but the machine code looks like a flag made by hand.
 * Suspected, never proved.
 *
 * EXPECT: none
 * PATCHED: race @raise @look ready [suspected]
 * MODE: instrumented clang patched
 * ONLY: only the compiler knows of the builtins
 */
#include <pthread.h>

int ready, data, copy;

static void *first(void *unused)
{
    data = 42;
    __atomic_store_n(&ready, 1, __ATOMIC_RELEASE); /* @raise */
    return unused;
}

static void *second(void *unused)
{
    while (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) /* @look */
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
