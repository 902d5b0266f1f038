/*
 * C11 threads, mutexes and condition variables.
 *
 * EXPECT: none
 * MODE: instrumented plain clang patched
 */
#include <stdio.h>
#include <threads.h>
#include <time.h>

static struct timespec soon(long milliseconds)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += milliseconds * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static mtx_t lock;
static cnd_t changed;
static int turn;
static long sum;

static void take(int i)
{
    struct timespec time = soon(20000);
    if (i % 3 == 0)
        mtx_lock(&lock);
    else if (i % 3 == 1)
        while (mtx_trylock(&lock) != thrd_success)
            thrd_yield();
    else
        mtx_timedlock(&lock, &time);
}

static int play(void *argument)
{
    int me = argument ? 1 : 0;
    for (int i = 0; i < 30; i++) {
        take(i);
        while (turn % 2 != me) {
            struct timespec time = soon(20000);
            if (i % 2)
                cnd_wait(&changed, &lock);
            else
                cnd_timedwait(&changed, &lock, &time);
        }
        sum += i;
        turn++;
        if (i % 2)
            cnd_signal(&changed);
        else
            cnd_broadcast(&changed);
        mtx_unlock(&lock);
    }
    if (me)
        thrd_exit(7);
    return 5;
}

int main(void)
{
    thrd_t a, b;
    int one, two;
    mtx_init(&lock, mtx_timed);
    cnd_init(&changed);
    thrd_create(&a, play, NULL);
    thrd_create(&b, play, &lock);
    thrd_join(a, &one);
    thrd_join(b, &two);
    printf("%ld %d %d\n", sum, one, two);
    mtx_destroy(&lock);
    cnd_destroy(&changed);
    return 0;
}
