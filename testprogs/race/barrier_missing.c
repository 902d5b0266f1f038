/*
 * The second barrier of each phase is missing: the next phase writes what others still read.
 *
 * EXPECT: race @write @read [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

static pthread_barrier_t barrier;
static int cells[3], sums[3];

static void *work(void *argument)
{
    long me = (long)argument;
    for (int phase = 0; phase < 10; phase++) {
        cells[me] = phase; /* @write */
        pthread_barrier_wait(&barrier);
        sums[me] += cells[0] + cells[1] + cells[2]; /* @read */
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    pthread_barrier_init(&barrier, NULL, 3);
    for (long i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return pthread_barrier_destroy(&barrier);
}
