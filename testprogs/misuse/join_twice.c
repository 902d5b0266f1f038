/*
 * A thread is joined a second time.
 *
 * EXPECT: misuse @again join-twice [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>

static void *work(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    return pthread_join(thread, NULL) != ESRCH; /* @again */
}
