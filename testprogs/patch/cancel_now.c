/*
 * Asynchronous cancellation of threads that compute: it unwinds from the middle of their code, and what has to be
 * cleaned up on the way is.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

static int cleaned;
static unsigned numbers[256];
static sem_t running;

static void clean(void *unused)
{
    (void)unused;
    cleaned++;
}

__attribute__((noinline)) static unsigned compute(unsigned *a, unsigned seed)
{
    for (unsigned i = 0; i < 256; i++) {
        a[i] = a[i] * 1664525u + seed;
        seed ^= a[i * 31 % 256] >> 3;
    }
    return seed;
}

static void *work(void *argument)
{
    unsigned *own = argument, seed = 1;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    pthread_cleanup_push(clean, NULL);
    sem_post(&running);
    for (;;)
        seed = compute(own, seed);
    pthread_cleanup_pop(0);
    return NULL;
}

int main(void)
{
    int cancelled = 0;
    sem_init(&running, 0, 0);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *result;
        pthread_create(&thread, NULL, work, numbers);
        sem_wait(&running);
        pthread_cancel(thread);
        pthread_join(thread, &result);
        cancelled += result == PTHREAD_CANCELED;
    }
    printf("%d cancelled, %d cleaned\n", cancelled, cleaned);
    return 0;
}
