/*
 * One write and three reads in one function: every pair of sites is a finding of its own.
 *
 * EXPECT: race @write @read_one shared [proved]
 * EXPECT: race @write @read_two shared [proved]
 * EXPECT: race @write @read_three shared [proved]
 */
#include <pthread.h>

#include "../order.h"

int shared;
int copies[3];

static void *first(void *unused)
{
    shared = 1; /* @write */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    copies[0] = shared; /* @read_one */
    order_wait(1);
    copies[1] = shared; /* @read_two */
    order_wait(1);
    copies[2] = shared; /* @read_three */
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
