/*
 * Two readers take two reader/writer locks in opposite order: readers do not block readers.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>

#include "../order.h"

static pthread_rwlock_t alpha = PTHREAD_RWLOCK_INITIALIZER, beta = PTHREAD_RWLOCK_INITIALIZER;

static void *first(void *unused)
{
    pthread_rwlock_rdlock(&alpha);
    order_signal(1);
    order_wait(2);
    pthread_rwlock_rdlock(&beta);
    pthread_rwlock_unlock(&beta);
    pthread_rwlock_unlock(&alpha);
    return unused;
}

static void *second(void *unused)
{
    pthread_rwlock_rdlock(&beta);
    order_signal(2);
    order_wait(1);
    pthread_rwlock_rdlock(&alpha);
    pthread_rwlock_unlock(&alpha);
    pthread_rwlock_unlock(&beta);
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
