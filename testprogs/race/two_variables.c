/*
 * Two variables, two races between the same two functions.
 *
 * EXPECT: race @write_a @read_a alpha [proved]
 * EXPECT: race @write_b @read_b beta [proved]
 * PATCHED: race @write_b @read_b beta [proved]
 * PATCHED: race @write_a @read_b [proved]
 * MODE: instrumented patched
 * ONLY: in optimised code the read of the first bears the line of the second's
 */
#include <pthread.h>

#include "../order.h"

int alpha, beta;
int copy;

static void *first(void *unused)
{
    alpha = 1; /* @write_a */
    beta = 1;  /* @write_b */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    copy = alpha; /* @read_a */
    copy += beta; /* @read_b */
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
