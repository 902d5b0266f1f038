/*
 * Two locks of the program's own, taken in both orders, and this time they meet. Of how it waits nothing is seen or told.
 *
 * EXPECT: exit hang
 * EXPECT: deadlock @ab @ba [proved]
 * EXPECT: blocked @join [proved]
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"
#include "../support/spin.h"

static struct own_lock a, b;

#define TAKE(lock) (gorocheck_locking(lock), own_wait(lock), gorocheck_locked(lock))

static void *first(void *unused)
{
    TAKE(&a);
    order_signal(1);
    order_wait(2);
    TAKE(&b); /* @ab */
    return unused;
}

static void *second(void *unused)
{
    TAKE(&b);
    order_signal(2);
    order_wait(1);
    TAKE(&a); /* @ba */
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, first, NULL);
    pthread_create(&threads[1], NULL, second, NULL);
    pthread_join(threads[0], NULL); /* @join */
    return 0;
}
