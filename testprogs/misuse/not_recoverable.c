/*
 * The state of a robust mutex is never made consistent: it is lost for good.
 *
 * EXPECT: misuse @unlock not-recoverable [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

static pthread_mutex_t lock;

static void *die(void *unused)
{
    pthread_mutex_lock(&lock);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&lock, &attributes);
    pthread_create(&thread, NULL, die, NULL);
    pthread_join(thread, NULL);
    if (pthread_mutex_lock(&lock) != EOWNERDEAD)
        return 1;
    pthread_mutex_unlock(&lock); /* @unlock */
    return pthread_mutex_lock(&lock) != ENOTRECOVERABLE;
}
