/*
 * A condition wait with the mutex.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

int main(void)
{
    pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    struct timespec past = {1, 0};
    pthread_mutex_lock(&lock);
    int error = pthread_cond_timedwait(&changed, &lock, &past);
    pthread_mutex_unlock(&lock);
    return error != ETIMEDOUT;
}
