/*
 * Timed locks that give up: no error of anybody.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
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
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static int results[8];

static void *work(void *unused)
{
    struct timespec real = soon(CLOCK_REALTIME, 5), mono = soon(CLOCK_MONOTONIC, 5);
    results[0] = pthread_mutex_timedlock(&lock, &real);
    results[1] = pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &mono);
    results[2] = pthread_mutex_trylock(&lock);
    results[3] = pthread_rwlock_timedrdlock(&table, &real);
    results[4] = pthread_rwlock_timedwrlock(&table, &real);
    results[5] = pthread_rwlock_clockrdlock(&table, CLOCK_MONOTONIC, &mono);
    results[6] = pthread_rwlock_clockwrlock(&table, CLOCK_MONOTONIC, &mono);
    results[7] = pthread_rwlock_tryrdlock(&table);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_mutex_lock(&lock);
    pthread_rwlock_wrlock(&table);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    pthread_rwlock_unlock(&table);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < 8; i++)
        printf("%s\n", strerrorname_np(results[i]));
    return 0;
}
