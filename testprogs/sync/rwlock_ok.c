/*
 * Readers and writers take every way into a reader/writer lock.
 *
 * EXPECT: none
 * MODE: instrumented plain clang patched
 */
#include <pthread.h>
#include <sched.h>
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

static pthread_rwlock_t lock;
static int data;
static int bad;

static void *write_some(void *unused)
{
    struct timespec time;
    for (int turn = 0; turn < 40; turn++) {
        switch (turn % 4) {
        case 0:
            pthread_rwlock_wrlock(&lock);
            break;
        case 1:
            while (pthread_rwlock_trywrlock(&lock))
                sched_yield();
            break;
        case 2:
            time = soon(CLOCK_REALTIME, 20000);
            pthread_rwlock_timedwrlock(&lock, &time);
            break;
        case 3:
            time = soon(CLOCK_MONOTONIC, 20000);
            pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &time);
            break;
        }
        data++;
        pthread_rwlock_unlock(&lock);
    }
    return unused;
}

static void *read_some(void *unused)
{
    struct timespec time;
    int last = 0;
    for (int turn = 0; turn < 40; turn++) {
        switch (turn % 4) {
        case 0:
            pthread_rwlock_rdlock(&lock);
            break;
        case 1:
            while (pthread_rwlock_tryrdlock(&lock))
                sched_yield();
            break;
        case 2:
            time = soon(CLOCK_REALTIME, 20000);
            pthread_rwlock_timedrdlock(&lock, &time);
            break;
        case 3:
            time = soon(CLOCK_MONOTONIC, 20000);
            pthread_rwlock_clockrdlock(&lock, CLOCK_MONOTONIC, &time);
            break;
        }
        if (data < last)
            __atomic_fetch_add(&bad, 1, __ATOMIC_RELAXED);
        last = data;
        pthread_rwlock_unlock(&lock);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[4];
    pthread_rwlock_init(&lock, NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i % 2 ? read_some : write_some, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%d %d\n", data, __atomic_load_n(&bad, __ATOMIC_RELAXED));
    return pthread_rwlock_destroy(&lock);
}
