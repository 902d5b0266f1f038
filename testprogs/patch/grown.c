/*
 * More functions than the first memory for a module's copies holds: the copies go on in another one, which both a parent
 * and its fork child make for themselves. What is called there is recorded, a handler that interrupts it is shown the
 * program's own code, and a fault in it is where it was.
 *
 * EXPECT: race @store @store shared
 * MODE: lazy
 * ONLY: it is about patching
 * TIMEOUT: 60
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define COUNT 1024u

static unsigned long words[64];
static int shared;

#define STEP(n) w[(n) % 64] = w[((n) + 7) % 64] * 3 + (w[((n) + 1) % 64] >> 5) + (n);
#define FUNCTION(name, k)                                                               \
    __attribute__((noinline)) static void name(unsigned long *w)                        \
    {                                                                                   \
        STEP(k) STEP(k + 1) STEP(k + 2) STEP(k + 3) STEP(k + 4) STEP(k + 5) STEP(k + 6) \
    }
#define F1(name, k)  FUNCTION(name, k)
#define F4(name, k)  F1(name##0, k) F1(name##1, k + 1) F1(name##2, k + 2) F1(name##3, k + 3)
#define F16(name, k) F4(name##0, k) F4(name##1, k + 4) F4(name##2, k + 8) F4(name##3, k + 12)
#define F64(name, k) F16(name##0, k) F16(name##1, k + 16) F16(name##2, k + 32) F16(name##3, k + 48)
#define F256(name, k) \
    F64(name##0, k) F64(name##1, k + 64) F64(name##2, k + 128) F64(name##3, k + 192)
#define N4(name)   name##0, name##1, name##2, name##3
#define N16(name)  N4(name##0), N4(name##1), N4(name##2), N4(name##3)
#define N64(name)  N16(name##0), N16(name##1), N16(name##2), N16(name##3)
#define N256(name) N64(name##0), N64(name##1), N64(name##2), N64(name##3)
#define ALL        F256(a, 0) F256(b, 256) F256(c, 512) F256(d, 768)
ALL

    static void (*const functions[COUNT])(unsigned long *) = {N256(a), N256(b), N256(c), N256(d)};

__attribute__((noinline)) static void store(int *to)
{
    *to = 1; /* @store */
}

__attribute__((noinline)) static int load(volatile int *from)
{
    return *from;
}

static void *race(void *unused)
{
    store(&shared);
    return unused;
}

static sigjmp_buf jump;
static volatile uintptr_t faulted;

static void fault(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    faulted = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    siglongjmp(jump, 1);
}

/* Those [from, to), and what they have computed. */
static unsigned long call(unsigned from, unsigned to)
{
    unsigned long sum = 0;
    memset(words, 0, sizeof(words));
    for (unsigned i = from; i < to; i++)
        functions[i](words);
    for (unsigned i = 0; i < 64; i++)
        sum = sum * 31 + words[i];
    return sum;
}

int main(void)
{
    unsigned long first = call(0, COUNT / 2);
    pid_t child = fork(); /* both have just as much to copy */
    unsigned long second = call(COUNT / 2, COUNT);
    if (child == 0)
        _exit(call(0, COUNT / 2) == first && call(COUNT / 2, COUNT) == second ? 0 : 1);
    int status = -1, good = waitpid(child, &status, 0) == child && status == 0;
    good &= call(0, COUNT / 2) == first && call(COUNT / 2, COUNT) == second;

    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    if (!sigsetjmp(jump, 1))
        load((volatile int *)(uintptr_t)8);
    good &= faulted - (uintptr_t)load < 64;

    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, race, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    puts(good ? "good" : "WRONG");
    return !good;
}
