/*
 * Threads that compute are cancelled at any moment, mostly within the recorder; their cleanup handlers unlock, and who
 * locks next reads what they wrote: ordered by the mutex alone.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <pthread.h>
#include <stdlib.h>

enum { ROUNDS = 40, WORDS = 1 << 21 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned table[WORDS];
static int begun;

static void unlock(void *data)
{
    pthread_mutex_unlock(data);
}

static void *worker(void *unused)
{
    int old;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    pthread_mutex_lock(&mutex);
    pthread_cleanup_push(unlock, &mutex);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    __atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
    for (unsigned i = 0;; i++) /* each time another line: each time the recorder's slow path */
        table[i * 2654435761u >> 11] += i;
    pthread_cleanup_pop(1);
    return unused;
}

int main(void)
{
    unsigned sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        void *result;
        __atomic_store_n(&begun, 0, __ATOMIC_RELAXED);
        if (pthread_create(&thread, NULL, worker, NULL))
            return 1;
        while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
            continue;
        for (volatile int wait = 0; wait < round * 997 % 20000; wait++)
            continue;
        pthread_cancel(thread);
        pthread_mutex_lock(&mutex);
        for (unsigned i = 0; i < 64; i++)
            sum += table[i * 2654435761u >> 11];
        pthread_mutex_unlock(&mutex);
        if (pthread_join(thread, &result) || result != PTHREAD_CANCELED)
            return 1;
    }
    return sum > 0 ? 0 : 2;
}
