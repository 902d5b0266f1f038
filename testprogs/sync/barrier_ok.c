/*
 * Phases separated by a barrier.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <pthread.h>
#include <stdio.h>

static pthread_barrier_t barrier;
static int cells[3], sums[3];

static void *work(void *argument)
{
    long me = (long)argument;
    for (int phase = 0; phase < 10; phase++) {
        cells[me] = phase;
        pthread_barrier_wait(&barrier);
        sums[me] += cells[0] + cells[1] + cells[2];
        pthread_barrier_wait(&barrier);
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
    printf("%d %d %d\n", sums[0], sums[1], sums[2]);
    return pthread_barrier_destroy(&barrier);
}
