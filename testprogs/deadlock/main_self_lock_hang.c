/*
 * A program with one thread locks its own mutex again and hangs.
 *
 * EXPECT: deadlock @again [proved]
 * EXPECT: exit hang
 * TIMEOUT: 2
 * MODE: plain
 */
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int main(void)
{
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock); /* @again */
    return 0;
}
