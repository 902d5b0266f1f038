/*
 * The read lock is given back before the write lock is requested.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>
#include <time.h>

int main(void)
{
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    struct timespec past = {1, 0};
    pthread_rwlock_rdlock(&lock);
    pthread_rwlock_unlock(&lock);
    int error = pthread_rwlock_timedwrlock(&lock, &past);
    pthread_rwlock_unlock(&lock);
    return error;
}
