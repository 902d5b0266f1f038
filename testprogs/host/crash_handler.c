/*
 * The program has a handler of its own for SIGSEGV and leaves it by siglongjmp, many times, in two threads.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static __thread sigjmp_buf back;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int caught;

static void handler(int number)
{
    siglongjmp(back, number);
}

__attribute__((noinline)) static void fall(int depth)
{
    if (depth)
        fall(depth - 1);
    else
        __asm__ volatile("movl $1, 8"); /* no access: it faults */
    __asm__ volatile("");
}

static void *work(void *unused)
{
    for (volatile int i = 0; i < 100; i++) {
        if (sigsetjmp(back, 1) == 0)
            fall(i % 10);
        pthread_mutex_lock(&lock);
        caught++;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGSEGV, &action, NULL);
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d\n", caught);
    return 0;
}
