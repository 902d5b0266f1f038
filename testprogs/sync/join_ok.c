/*
 * Every way to join: what the thread did is seen after it.
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

static int value;

static void *work(void *argument)
{
    value++;
    return argument;
}

int main(void)
{
    pthread_t thread;
    struct timespec time;
    void *result;
    for (int way = 0; way < 4; way++) {
        value = 0;
        pthread_create(&thread, NULL, work, &value);
        pthread_setname_np(thread, "joined");
        switch (way) {
        case 0:
            pthread_join(thread, &result);
            break;
        case 1:
            while (pthread_tryjoin_np(thread, &result))
                sched_yield();
            break;
        case 2:
            time = soon(CLOCK_REALTIME, 20000);
            pthread_timedjoin_np(thread, &result, &time);
            break;
        case 3:
            time = soon(CLOCK_MONOTONIC, 20000);
            pthread_clockjoin_np(thread, &result, CLOCK_MONOTONIC, &time);
            break;
        }
        printf("%d %d\n", value, result == &value);
    }
    return 0;
}
