/*
 * A mutex is locked after it has been destroyed.
 *
 * EXPECT: misuse @lock use-after-destroy [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    pthread_mutex_destroy(&lock);
    return pthread_mutex_lock(&lock) != EINVAL; /* @lock */
}
