/*
 * A mutex is destroyed after it is unlocked.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return pthread_mutex_destroy(&lock);
}
