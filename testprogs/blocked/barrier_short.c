/*
 * A barrier for three at which only two ever arrive.
 *
 * EXPECT: blocked @wait barrier
 * EXPECT: exit hang
 * TIMEOUT: 2
 * MODE: plain instrumented
 */
#include <pthread.h>

static pthread_barrier_t barrier;

static void *work(void *unused)
{
    pthread_barrier_wait(&barrier); /* @wait */
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 3);
    pthread_create(&thread, NULL, work, NULL);
    work(NULL);
    pthread_join(thread, NULL);
    return 0;
}
