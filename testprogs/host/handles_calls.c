/*
 * A program that handles its system calls itself, by SIGSYS: it is not given those of the recorder, which stops before.
 *
 * EXPECT: none
 * STATUS: 3
 * BARE: yes
 * MODE: plain instrumented patched
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF          0
#define PR_SYS_DISPATCH_ON           1
#endif

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char selector; /* 0: calls pass, 1: they are handled */
static int handled, others;
static long cells[10000];

static void handle(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    selector = 0;
    handled += info->si_syscall == 5000;
    others += info->si_syscall != 5000;
}

static void *work(void *unused)
{
    for (int i = 0; i < 100000; i++) {
        pthread_mutex_lock(&mutex);
        cells[i % 10000] += i;
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, NULL);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector)) {
        puts("no system calls by handler");
        return 77;
    }
    for (int i = 0; i < 10; i++) {
        selector = 1;
        work(NULL);
        munmap(mmap(NULL, 0, 0, 0, -1, 0), 0); /* the first of the two is handled */
        selector = 1;
        syscall(5000);
        selector = 0;
    }
    printf("%d %d %ld\n", handled, others, cells[7]);
    prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
    return 0;
}
