/*
 * Every way to lock a mutex of every type hands data over.
 *
 * EXPECT: none
 * MODE: instrumented plain clang patched
 * BARE: yes
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

static pthread_mutex_t lock;
static int total;
static int type;

static int take(int turn)
{
    struct timespec time;
    switch (turn % 4) {
    case 0:
        return pthread_mutex_lock(&lock);
    case 1:
        while (pthread_mutex_trylock(&lock))
            sched_yield();
        return 0;
    case 2:
        time = soon(CLOCK_REALTIME, 20000);
        return pthread_mutex_timedlock(&lock, &time);
    }
    time = soon(CLOCK_MONOTONIC, 20000);
    return pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &time);
}

static void *work(void *unused)
{
    for (int turn = 0; turn < 40; turn++) {
        if (take(turn))
            return &lock;
        if (type == PTHREAD_MUTEX_RECURSIVE) {
            pthread_mutex_lock(&lock);
            total++;
            pthread_mutex_unlock(&lock);
        } else {
            total++;
        }
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

int main(void)
{
    static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
                                PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP};
    int bad = 0;
    for (int i = 0; i < 5; i++) {
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        type = types[i % 4];
        pthread_mutexattr_settype(&attributes, type);
        if (i == 4)
            pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
        pthread_mutex_init(&lock, &attributes);
        pthread_t threads[3];
        for (int j = 0; j < 3; j++)
            pthread_create(&threads[j], NULL, work, NULL);
        for (int j = 0; j < 3; j++) {
            void *result;
            pthread_join(threads[j], &result);
            bad += result != NULL;
        }
        bad += pthread_mutex_destroy(&lock) != 0;
        pthread_mutexattr_destroy(&attributes);
    }
    printf("%d %d\n", total, bad);
    return bad;
}
