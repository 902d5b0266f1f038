/*
 * A bounded queue: waits with and without a deadline, signals and broadcasts.
 *
 * EXPECT: none
 * MODE: instrumented plain clang patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

static struct timespec soon(clockid_t clock, long milliseconds)
{
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += milliseconds * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty, not_full = PTHREAD_COND_INITIALIZER;
static int slots[4], used, closed;
static long sum;

static void *produce(void *unused)
{
    for (int i = 1; i <= 100; i++) {
        pthread_mutex_lock(&lock);
        while (used == 4)
            pthread_cond_wait(&not_full, &lock);
        slots[used++] = i;
        if (i % 2)
            pthread_cond_signal(&not_empty);
        else
            pthread_cond_broadcast(&not_empty);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

static void *consume(void *unused)
{
    for (int turn = 0;; turn++) {
        struct timespec real = soon(CLOCK_REALTIME, 20), mono = soon(CLOCK_MONOTONIC, 20);
        pthread_mutex_lock(&lock);
        while (!used && !closed) {
            switch (turn % 3) {
            case 0:
                pthread_cond_wait(&not_empty, &lock);
                break;
            case 1:
                pthread_cond_timedwait(&not_empty, &lock, &real);
                break;
            case 2:
                pthread_cond_clockwait(&not_empty, &lock, CLOCK_MONOTONIC, &mono);
                break;
            }
        }
        if (!used) {
            pthread_mutex_unlock(&lock);
            return unused;
        }
        sum += slots[--used];
        pthread_cond_signal(&not_full);
        pthread_mutex_unlock(&lock);
    }
}

int main(void)
{
    pthread_t producers[2], consumers[2];
    pthread_cond_init(&not_empty, NULL);
    for (int i = 0; i < 2; i++) {
        pthread_create(&producers[i], NULL, produce, NULL);
        pthread_create(&consumers[i], NULL, consume, NULL);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(producers[i], NULL);
    pthread_mutex_lock(&lock);
    closed = 1;
    pthread_cond_broadcast(&not_empty);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 2; i++)
        pthread_join(consumers[i], NULL);
    printf("%ld\n", sum);
    return pthread_cond_destroy(&not_empty);
}
