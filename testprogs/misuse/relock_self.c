/*
 * An error-checking mutex is locked again by its owner.
 *
 * EXPECT: misuse @again relock-self [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

int main(void)
{
    pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;
    pthread_mutex_lock(&lock);
    int error = pthread_mutex_lock(&lock); /* @again */
    pthread_mutex_unlock(&lock);
    return error != EDEADLK;
}
