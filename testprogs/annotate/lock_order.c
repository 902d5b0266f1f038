/*
 * Two locks of the program's own, taken in both orders, though never at the same time.
 *
 * EXPECT: deadlock @ab @ba [predicted]
 * MODE: plain instrumented
 */
#include <pthread.h>

#include "../order.h"
#include "../support/spin.h"

static struct own_lock a, b;

#define TAKE(lock) (gorocheck_locking(lock), own_wait(lock), gorocheck_locked(lock))
#define GIVE(lock) (gorocheck_unlocking(lock), own_give(lock))

static void *first(void *unused)
{
    TAKE(&a);
    TAKE(&b); /* @ab */
    GIVE(&b);
    GIVE(&a);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    TAKE(&b);
    TAKE(&a); /* @ba */
    GIVE(&a);
    GIVE(&b);
    return unused;
}

int main(void)
{
    pthread_t x, y;
    pthread_create(&x, NULL, first, NULL);
    pthread_create(&y, NULL, second, NULL);
    pthread_join(x, NULL);
    pthread_join(y, NULL);
    return 0;
}
