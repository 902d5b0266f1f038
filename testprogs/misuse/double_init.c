/*
 * A mutex in use is initialised a second time.
 *
 * EXPECT: misuse @again double-init [proved]
 * MODE: plain
 */
#include <pthread.h>

static pthread_mutex_t lock;

int main(void)
{
    pthread_mutex_init(&lock, NULL);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    pthread_mutex_init(&lock, NULL); /* @again */
    pthread_mutex_destroy(&lock);
    return 0;
}
