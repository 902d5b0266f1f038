/*
 * A write lock is requested, with a time-out, by a thread that holds the lock for reading.
 *
 * EXPECT: misuse @upgrade upgrade [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

int main(void)
{
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    struct timespec past = {1, 0};
    pthread_rwlock_rdlock(&lock);
    int error = pthread_rwlock_timedwrlock(&lock, &past); /* @upgrade */
    pthread_rwlock_unlock(&lock);
    return error != ETIMEDOUT;
}
