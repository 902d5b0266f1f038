/*
 * A loop without an end and without a call, left by what a signal's handler throws: nothing reads the registers that its
 * callers have values in any more, but the unwinder gives them back. All is destroyed that is taken for dead.
 *
 * EXPECT: none
 * MODE: plain patched lazy
 * CFLAGS: -O2 -fnon-call-exceptions -fasynchronous-unwind-tables
 * ENV: GOROCHECK_OPTIONS=patch_poison=1
 */
#include <csignal>
#include <cstdio>
#include <pthread.h>
#include <sys/time.h>

struct alarmed {
};

static void on_alarm(int)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
    throw alarmed();
}

__attribute__((noipa)) static void spin(volatile long *values)
{
    for (;;)
        values[1] = values[0] + 1;
}

__attribute__((noipa)) static long wait(volatile long *values, long a, long b, long c, long d)
{
    try {
        spin(values);
    } catch (const alarmed &) {
        return a * 1000 + b * 100 + c * 10 + d;
    }
    return 0;
}

static void *work(void *unused)
{
    return unused;
}

int main()
{
    static long values[2];
    long wrong = 0;
    pthread_t thread;
    pthread_create(&thread, nullptr, work, nullptr);
    pthread_join(thread, nullptr);
    signal(SIGALRM, on_alarm);
    for (long i = 0; i < 10; i++) {
        const itimerval soon = {{0, 0}, {0, 20000}};
        setitimer(ITIMER_REAL, &soon, nullptr);
        wrong += wait(values, i, 2, 3, 4) != i * 1000 + 234;
    }
    printf("%ld wrong\n", wrong);
}
