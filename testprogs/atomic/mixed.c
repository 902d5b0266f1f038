/*
 * An atomic store and a plain read of the same variable.
 *
 * EXPECT: race @atomic @plain value [proved]
 * PATCHED: none
 * MODE: instrumented clang patched
 * ONLY: a word that met an exchange is taken for atomic at all its places in machine code; only the compiler knows of this plain read
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../order.h"

int value;
int copy;

static void *first(void *unused)
{
    __atomic_store_n(&value, 1, __ATOMIC_SEQ_CST); /* @atomic */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    copy = value; /* @plain */
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
