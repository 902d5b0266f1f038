/*
 * An error-checking mutex refuses the unlock of another thread.
 *
 * EXPECT: misuse @unlock unlock-not-owner [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP;

static void *work(void *unused)
{
    return pthread_mutex_unlock(&lock) == EPERM ? unused : &lock; /* @unlock */
}

int main(void)
{
    pthread_t thread;
    void *bad;
    pthread_mutex_lock(&lock);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, &bad);
    pthread_mutex_unlock(&lock);
    return bad != NULL;
}
