/*
 * Atomic on both sides, even if relaxed.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../order.h"

int value;
int copy;

static void *first(void *unused)
{
    __atomic_store_n(&value, 1, __ATOMIC_SEQ_CST);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    copy = __atomic_load_n(&value, __ATOMIC_RELAXED);
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
