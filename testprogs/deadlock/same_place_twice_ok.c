/*
 * The same place twice, but the second time the other thread has been joined.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;

static void *other(void *unused)
{
    pthread_mutex_lock(&beta);
    pthread_mutex_lock(&alpha);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&beta);
    return unused;
}

int main(void)
{
    pthread_t thread;
    for (int time = 0; time < 2; time++) {
        pthread_mutex_lock(&alpha);
        pthread_mutex_lock(&beta);
        pthread_mutex_unlock(&beta);
        pthread_mutex_unlock(&alpha);
        if (time == 0) {
            pthread_create(&thread, NULL, other, NULL);
            pthread_join(thread, NULL);
        }
    }
    return 0;
}
