/*
 * A condition wait without the mutex.
 *
 * EXPECT: misuse @wait wait-without-mutex [proved]
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
    return pthread_cond_timedwait(&changed, &lock, &past) != EPERM; /* @wait */
}
