/*
 * A load that faults, whose handler throws (-fnon-call-exceptions): what only the landing pad needs was in registers then.
 * All is destroyed that is taken for dead.
 *
 * EXPECT: none
 * MODE: plain patched lazy
 * CFLAGS: -O2 -fnon-call-exceptions -fasynchronous-unwind-tables
 * ENV: GOROCHECK_OPTIONS=patch_poison=1
 */
#include <csignal>
#include <cstdio>
#include <pthread.h>

struct fault {
};

static void on_fault(int)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGSEGV);
    pthread_sigmask(SIG_UNBLOCK, &mask, nullptr);
    throw fault();
}

/* Adds up what there is until something is not there; who is not told of it needs no `a` to `d`. */
__attribute__((noipa)) static long adds(long *const *from, long a, long b, long c, long d)
{
    long sum = 0;
    try {
        for (int i = 0; i < 8; i++)
            sum += from[i][0] + from[i][1];
        return sum;
    } catch (const fault &) {
        return a * 1000 + b * 100 + c * 10 + d;
    }
}

static void *work(void *unused)
{
    static __thread long values[2] = {3, 4};
    long wrong = 0;
    for (long i = 0; i < 200; i++) {
        long *from[8];
        for (int k = 0; k < 8; k++)
            from[k] = k == i % 10 ? reinterpret_cast<long *>(8) : values;
        wrong += adds(from, i, 2, 3, 4) != (i % 10 < 8 ? i * 1000 + 234 : 56);
    }
    printf("%ld\n", wrong);
    return unused;
}

int main()
{
    signal(SIGSEGV, on_fault);
    pthread_t thread;
    pthread_create(&thread, nullptr, work, nullptr);
    pthread_join(thread, nullptr);
    work(nullptr);
}
