/*
 * 4,000 threads that come to a barrier three times and then go through one lock, one after the other: each has learned of all
 * others, by the barrier and by who had the lock before.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 4000, ROUNDS = 3 };

static pthread_barrier_t barrier;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static _Alignas(64) long sum;
static _Alignas(64) pthread_t threads[THREADS];

static void *work(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&barrier);
        pthread_mutex_lock(&mutex);
        sum++;
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

int main(void)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 10);
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], &attributes, work, NULL))
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%ld\n", sum);
    return sum != (long)THREADS * ROUNDS;
}
