/*
 * A recursive mutex may be locked again.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void *work(void *unused)
{
    for (int i = 0; i < 5; i++)
        pthread_mutex_lock(&lock);
    for (int i = 0; i < 5; i++)
        pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
