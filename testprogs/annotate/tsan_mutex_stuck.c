/*
 * A mutex that ThreadSanitizer's annotations tell of: its holder ends without giving it up.
 *
 * EXPECT: exit hang
 * EXPECT: blocked @lock mutex.taken [proved]
 * EXPECT: misuse @held exit-holding
 * EXPECT: blocked @join [proved]
 */
#include <pthread.h>

#include "../support/spin.h"

#define TSAN __attribute__((weak))
TSAN void __tsan_mutex_pre_lock(void *mutex, unsigned flags);
TSAN void __tsan_mutex_post_lock(void *mutex, unsigned flags, int recursion);

static struct own_lock mutex;

static void take(void)
{
    if (__tsan_mutex_pre_lock)
        __tsan_mutex_pre_lock(&mutex, 0); /* @lock */
    own_wait(&mutex);
    if (__tsan_mutex_post_lock)
        __tsan_mutex_post_lock(&mutex, 0, 1); /* @held */
}

static void *work(void *unused)
{
    take();
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL); /* @join */
    return 0;
}
