/*
 * Two threads take two locks in the same order.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    pthread_mutex_lock(&alpha);
    pthread_mutex_lock(&beta);
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    return unused;
}

static void *second(void *unused)
{
    pthread_mutex_lock(&alpha);
    pthread_mutex_lock(&beta);
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
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
