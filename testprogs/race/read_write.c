/*
 * A reader does not wait for the writer. The write is over in time, but nothing orders it before the read.
 *
 * EXPECT: race @write @read value [proved]
 * MODE: instrumented clang patched
 */
#include <pthread.h>

#include "../order.h"

int value;
int copy;

static void *first(void *unused)
{
    value = 42; /* @write */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    copy = value; /* @read */
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
