/*
 * The thread is joined.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>

static int value;

static void *work(void *unused)
{
    value = 1;
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    return 0;
}
