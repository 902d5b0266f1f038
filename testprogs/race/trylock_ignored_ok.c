/*
 * A failed trylock leaves the data alone.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
int total;

static void *first(void *unused)
{
    pthread_mutex_lock(&lock);
    total = 1;
    order_signal(1);
    order_wait(2);
    pthread_mutex_unlock(&lock);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    int busy = pthread_mutex_trylock(&lock);
    if (!busy) {
        total = 2;
        pthread_mutex_unlock(&lock);
    }
    order_signal(2);
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
