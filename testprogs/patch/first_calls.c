/*
 * Functions that are copied when they are first called: 512 of them, called for the first time by eight threads at once, in
 * an order of their own each, while a timer's handler calls others for the first time; then by fork children (libc's, the
 * system call's and vfork's) beside their parent; on a stack with no room to spare; with arguments in vector registers and
 * on the stack. Everything computed must be exact.
 *
 * EXPECT: none
 * MODE: plain patched lazy
 * ENV: GOROCHECK_OPTIONS=exitcode=66
 * TIMEOUT: 30
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8u
#define EACH    128

static unsigned long all[THREADS + 1][64];
static __thread unsigned long *words = all[THREADS];
static volatile sig_atomic_t wrong;

/* Values in rax..r11 and xmm0..7 on the way in, flags and the red zone on the way. */
#define FUNCTION(name, k)                                                                   \
    __attribute__((noinline)) static double name(double a, float b, long c, int d,          \
                                                 unsigned char e, long f, double g, long h, \
                                                 long i, long j)                            \
    {                                                                                       \
        unsigned long x = words[(k) % 64];                                                  \
        words[(k) % 64] = x * 3 + (unsigned long)(c + d + e + f + h + i * 2 + j * 3) + (k); \
        words[((k) + 1) % 64] ^= x >> ((k) % 13);                                           \
        return a * 2 + (double)b + g * 3 + (k) + (double)(c + h + j);                       \
    }
#define F1(name, k)  FUNCTION(name, k)
#define F4(name, k)  F1(name##0, k) F1(name##1, k + 1) F1(name##2, k + 2) F1(name##3, k + 3)
#define F16(name, k) F4(name##0, k) F4(name##1, k + 4) F4(name##2, k + 8) F4(name##3, k + 12)
#define F64(name, k) F16(name##0, k) F16(name##1, k + 16) F16(name##2, k + 32) F16(name##3, k + 48)
#define N4(name)     name##0, name##1, name##2, name##3
#define N16(name)    N4(name##0), N4(name##1), N4(name##2), N4(name##3)
#define N64(name)    N16(name##0), N16(name##1), N16(name##2), N16(name##3)
#define ALL \
    F64(a, 0) F64(b, 64) F64(c, 128) F64(d, 192) F64(e, 256) F64(f, 320) F64(g, 384) F64(h, 448)
ALL

    typedef double
    function(double, float, long, int, unsigned char, long, double, long, long, long);
static function *const functions[] = {N64(a), N64(b), N64(c), N64(d),
                                      N64(e), N64(f), N64(g), N64(h)};

static int call(unsigned k)
{
    double result = functions[k](1.5, 2.5f, -3, 4, 5, 6, 7.25, 8, 9, 10);
    return result == 3 + 2.5 + 21.75 + k + 15;
}

static void tick(int number)
{
    static _Atomic unsigned next = 3 * EACH;
    unsigned long before[64];
    (void)number;
    if (words == all[THREADS] || next >= 4 * EACH) /* main, or a thread that has just begun */
        return;
    memcpy(before, words, sizeof(before)); /* of the code that was interrupted */
    unsigned k = next++;
    if (k < 4 * EACH && !call(k))
        wrong = 1;
    memcpy(words, before, sizeof(before));
}

static pthread_barrier_t barrier;

static void *run(void *argument)
{
    unsigned step = (unsigned)(size_t)argument * 2 + 1; /* odd: each comes to all of them */
    words = all[step / 2];
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < EACH; i++)
        if (!call(i * step % EACH))
            wrong = 1;
    unsigned long sum = 0;
    for (unsigned i = 0; i < 64; i++)
        sum = sum * 31 + words[i];
    return (void *)(step == 1 ? sum : 0);
}

/* Those from `from` on, in a child and its parent at the same time. */
static int both(unsigned from, pid_t child)
{
    int good = 1, status = 0;
    for (unsigned i = 0; i < EACH / 4; i++)
        good &= call(from + i);
    if (!child)
        _exit(good ? 0 : 1);
    return waitpid(child, &status, 0) == child && status == 0 && good;
}

int main(void)
{
    pthread_t threads[THREADS];
    struct sigaction action = {.sa_handler = tick};
    struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    void *sum = NULL, *first = NULL;
    pthread_barrier_init(&barrier, NULL, THREADS);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run, (void *)i);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &sum);
        first = i == 0 ? sum : first;
    }
    setitimer(ITIMER_REAL, &never, NULL);
    int good = both(EACH, fork());
    good &= both(EACH + EACH / 4, (pid_t)syscall(SYS_fork));
    pid_t grandparent = fork();
    if (!grandparent)
        _exit(both(EACH + EACH / 2, fork()) ? 0 : 1);
    good &= both(EACH + EACH * 3 / 4, grandparent);
    pid_t child = vfork();
    if (!child)
        _exit(call(2 * EACH) ? 0 : 1);
    int status = -1;
    waitpid(child, &status, 0);
    good &= status == 0;
    for (unsigned i = 0; i < EACH; i++)
        good &= call(2 * EACH + i);
    printf("%lx %s\n", (unsigned long)first, good && !wrong ? "good" : "WRONG");
    return !good || wrong;
}
