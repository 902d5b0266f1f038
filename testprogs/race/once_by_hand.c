/*
 * Initialisation guarded by a plain flag instead of pthread_once.
 *
 * EXPECT: race @test @set done [proved]
 * EXPECT: race @init @use table [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

#include "../order.h"

int done, table;
int copies[2];

static void *first(void *unused)
{
    if (!done) {   /* @test_first */
        table = 1; /* @init */
        done = 1;  /* @set */
    }
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    if (done)              /* @test */
        copies[1] = table; /* @use */
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
