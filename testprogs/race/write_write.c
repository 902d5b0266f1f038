/*
 * Two writers, each under a lock of its own.
 *
 * EXPECT: race @one @two total [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

static pthread_mutex_t lock_one = PTHREAD_MUTEX_INITIALIZER, lock_two = PTHREAD_MUTEX_INITIALIZER;
long total;

static void *first(void *unused)
{
    pthread_mutex_lock(&lock_one);
    total = 1; /* @one */
    pthread_mutex_unlock(&lock_one);
    return unused;
}

static void *second(void *unused)
{
    pthread_mutex_lock(&lock_two);
    total = 2; /* @two */
    pthread_mutex_unlock(&lock_two);
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
