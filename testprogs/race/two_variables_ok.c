/*
 * Two variables, one per thread.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

#include "../order.h"

int alpha, beta;
int copy;

static void *first(void *unused)
{
    alpha = 1;
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    copy = 1;
    copy += beta;
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
