/*
 * A mutex is destroyed while it is locked.
 *
 * EXPECT: misuse @destroy destroy-locked [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    int busy = pthread_mutex_destroy(&lock); /* @destroy */
    pthread_mutex_unlock(&lock);
    return busy != EBUSY;
}
