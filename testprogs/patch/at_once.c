/*
 * Several signals at once: the kernel then has the handler of the first interrupted by the second before its first
 * instruction. Two hundred times three queued ones, to a thread that calls functions for the first time (all signals are
 * blocked while they are copied) and works on atomic words. Each must come, once, with its own value, and when all have
 * been handled nothing may be left blocked. One's handler is reset each time that it is entered.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 * TIMEOUT: 60
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define GROUPS 200
#define KINDS  3

static pthread_t target;
static int handled[KINDS], sums[KINDS];
static atomic_int done;
static unsigned words[64];

#define FUNCTION(name, k)                                                     \
    __attribute__((noinline)) static void name(void)                          \
    {                                                                         \
        __atomic_fetch_add(&words[(k) % 64], words[((k) + 9) % 64] + (k), 5); \
        words[((k) + 1) % 64] ^= words[(k) % 64] >> ((k) % 13);               \
    }
#define F1(name, k)  FUNCTION(name, k)
#define F4(name, k)  F1(name##0, k) F1(name##1, k + 1) F1(name##2, k + 2) F1(name##3, k + 3)
#define F16(name, k) F4(name##0, k) F4(name##1, k + 4) F4(name##2, k + 8) F4(name##3, k + 12)
#define F64(name, k) F16(name##0, k) F16(name##1, k + 16) F16(name##2, k + 32) F16(name##3, k + 48)
#define N4(name)     name##0, name##1, name##2, name##3
#define N16(name)    N4(name##0), N4(name##1), N4(name##2), N4(name##3)
#define N64(name)    N16(name##0), N16(name##1), N16(name##2), N16(name##3)
F64(a, 0)
F64(b, 64)
F64(c, 128)
F64(d, 192)
F64(e, 256)
F64(f, 320)
F64(g, 384)
F64(h, 448)
static void (*const functions[])(void) = {N64(a), N64(b), N64(c), N64(d),
                                          N64(e), N64(f), N64(g), N64(h)};

static void handler(int number, siginfo_t *info, void *context)
{
    int kind = number - SIGRTMIN;
    (void)context;
    __atomic_fetch_add(&sums[kind], info->si_value.sival_int, __ATOMIC_RELAXED);
    __atomic_fetch_add(&handled[kind], 1, __ATOMIC_RELEASE);
}

static void install(int number, int flags)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART | flags};
    action.sa_sigaction = handler;
    sigaction(number, &action, NULL);
}

static void *sender(void *unused)
{
    for (int i = 1; i <= GROUPS; i++) {
        install(SIGRTMIN + 2, (int)SA_RESETHAND);
        for (int kind = 0; kind < KINDS; kind++)
            pthread_sigqueue(target, SIGRTMIN + kind, (union sigval){.sival_int = i + kind});
        for (int kind = 0; kind < KINDS; kind++)
            while (__atomic_load_n(&handled[kind], __ATOMIC_ACQUIRE) < i)
                sched_yield();
    }
    atomic_store(&done, 1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    sigset_t set, none;
    sigemptyset(&none);
    target = pthread_self();
    for (int kind = 0; kind < KINDS; kind++)
        install(SIGRTMIN + kind, 0);
    /* The sender takes none of them. */
    sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
    pthread_create(&thread, NULL, sender, NULL);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    for (unsigned i = 0; !atomic_load(&done); i++)
        functions[i % 512]();
    pthread_join(thread, NULL);
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    for (int kind = 0; kind < KINDS; kind++)
        if (handled[kind] != GROUPS || sums[kind] != GROUPS * (GROUPS + 1) / 2 + kind * GROUPS) {
            printf("kind %d: %d handled, sum %d\n", kind, handled[kind], sums[kind]);
            return 1;
        }
    if (memcmp(&set, &none, 8) != 0) {
        printf("signals are still blocked\n");
        return 1;
    }
    printf("all came once\n");
    return 0;
}
