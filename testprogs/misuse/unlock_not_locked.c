/*
 * A mutex that nobody has locked is unlocked.
 *
 * EXPECT: misuse @unlock unlock-not-locked [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

int main(void)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return pthread_mutex_unlock(&lock) != EPERM; /* @unlock */
}
