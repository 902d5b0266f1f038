/*
 * Signals every 100 us into code that does nothing but touch memory, in two threads, with a handler that does the same on
 * memory of its own, with SA_SIGINFO and without, on an alternate stack. What is computed must be exact.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define WORDS 4096

static __thread unsigned touched[256];
static int ticks;

__attribute__((noinline)) static void touch(unsigned from)
{
    for (unsigned i = 0; i < 256; i++)
        touched[i] += touched[(i * 7 + from) % 256] + i;
}

static void plain(int number)
{
    touch((unsigned)number);
    __atomic_fetch_add(&ticks, 1, __ATOMIC_RELAXED);
}

static void informed(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    touch((unsigned)number);
    __atomic_fetch_add(&ticks, 1, __ATOMIC_RELAXED);
}

/* Every addressing form that a compiler makes of this, with flags alive over the accesses. */
__attribute__((noinline)) static uint64_t work(uint32_t *a, uint8_t *b, uint32_t seed)
{
    uint64_t sum = seed;
    for (uint32_t i = 0; i < WORDS; i++) {
        a[i] = a[i] * 1664525u + (uint32_t)sum;
        sum ^= a[(i * 31) % WORDS] >> 3;
        b[i] += (uint8_t)sum;
        if (b[(i + 5) % WORDS] & 1)
            sum += i + b[i];
        sum = sum << 7 | sum >> 57;
    }
    return sum;
}

static void *run(void *argument)
{
    static uint32_t words[2][WORDS];
    static uint8_t bytes[2][WORDS];
    static uint64_t sums[2];
    static char stacks[2][65536];
    int who = *(int *)argument;
    stack_t stack = {.ss_sp = stacks[who], .ss_size = sizeof(stacks[who])};
    sigaltstack(&stack, NULL);
    sums[who] = (uint64_t)who;
    for (uint32_t round = 0; round < 6000; round++)
        sums[who] += work(words[who], bytes[who], round + (uint32_t)who);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, NULL);
    return &sums[who];
}

int main(void)
{
    struct sigaction action = {.sa_handler = plain, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    pthread_t threads[2];
    int who[2] = {0, 1};
    void *result;
    sigaction(SIGALRM, &action, NULL);
    action.sa_sigaction = informed;
    action.sa_flags |= SA_SIGINFO;
    sigaction(SIGPROF, &action, NULL);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, run, &who[i]);
    setitimer(ITIMER_REAL, &often, NULL);
    setitimer(ITIMER_PROF, &often, NULL);
    for (int i = 0; i < 2; i++) {
        while (pthread_join(threads[i], &result))
            ;
        printf("%llx\n", *(unsigned long long *)result);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    setitimer(ITIMER_PROF, &never, NULL);
    printf("%s\n", __atomic_load_n(&ticks, __ATOMIC_RELAXED) ? "signals came" : "no signal came");
    return 0;
}
