/*
 * Two writers under the same lock.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

static pthread_mutex_t lock_one = PTHREAD_MUTEX_INITIALIZER;
long total;

static void *first(void *unused)
{
    pthread_mutex_lock(&lock_one);
    total = 1;
    pthread_mutex_unlock(&lock_one);
    return unused;
}

static void *second(void *unused)
{
    pthread_mutex_lock(&lock_one);
    total = 2;
    pthread_mutex_unlock(&lock_one);
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
