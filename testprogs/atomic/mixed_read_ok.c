/*
 * An atomic load and a plain read: nobody writes.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../order.h"

int value;
int copy;

static void *first(void *unused)
{
    (void)__atomic_load_n(&value, __ATOMIC_SEQ_CST);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    copy = value;
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
