/*
 * The same reads after a join of the writer.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

#include "../order.h"

int shared;
int copies[3];

static void *first(void *unused)
{
    shared = 1;
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    copies[0] = shared;
    order_wait(1);
    copies[1] = shared;
    order_wait(1);
    copies[2] = shared;
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_join(a, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(b, NULL);
    return 0;
}
