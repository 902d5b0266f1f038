/*
 * One write and three reads in one function, each in a segment of its own: every pair of sites is a finding.
 *
 * EXPECT: race @write @read_one shared [proved]
 * EXPECT: race @write @read_two shared [proved]
 * EXPECT: race @write @read_three shared [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

#include "../order.h"

int shared;
int copies[3];
static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    shared = 1; /* @write */
    order_signal(1);
    return unused;
}

/* A release ends a segment: within one, only the first of several reads of the same bytes is recorded. */
static void release(void)
{
    pthread_mutex_lock(&own);
    pthread_mutex_unlock(&own);
}

static void *second(void *unused)
{
    order_wait(1);
    copies[0] = shared; /* @read_one */
    release();
    copies[1] = shared; /* @read_two */
    release();
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
