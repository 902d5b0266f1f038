/*
 * A page that faults where it is added to atomically (as collectors protect pages), while another thread sends signals: one
 * that comes just before the fault is put off, but neither is the fault, nor is any signal blocked in its handler that the
 * program does not block. Every other fault is left by siglongjmp. Each signal is answered before the next is sent.
 *
 * EXPECT: none
 * MODE: patched lazy
 * BARE: yes
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#define SECONDS 2

static long *page;
static sigjmp_buf again;
static int leave, blocked;
static volatile sig_atomic_t faults;
static int sent, answered, over;

static void on_fault(int number)
{
    sigset_t mask;
    (void)number;
    faults++;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    blocked |= sigismember(&mask, SIGUSR1);
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
    if (leave)
        siglongjmp(again, 1);
}

static void on_signal(int number)
{
    (void)number;
    __atomic_exchange_n(&answered, __atomic_load_n(&sent, __ATOMIC_ACQUIRE), __ATOMIC_ACQ_REL);
}

static void *storm(void *target)
{
    for (int i = 1; !__atomic_load_n(&over, __ATOMIC_ACQUIRE); i++) {
        __atomic_exchange_n(&sent, i, __ATOMIC_ACQ_REL);
        pthread_kill(*(pthread_t *)target, SIGUSR1);
        while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) != i)
            ;
    }
    return NULL;
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_fault};
    pthread_t self = pthread_self(), thread;
    long times = 0;
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &action, NULL);
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, NULL);
    pthread_create(&thread, NULL, storm, &self);
    time_t end = time(NULL) + SECONDS;
    while (time(NULL) < end) {
        mprotect(page, 4096, PROT_NONE);
        leave = ++times & 1;
        if (!sigsetjmp(again, 1) || !leave)
            __atomic_fetch_add(page, 1, __ATOMIC_ACQ_REL);
    }
    __atomic_exchange_n(&over, 1, __ATOMIC_ACQ_REL);
    pthread_join(thread, NULL);
    if (faults != times || *page != times / 2 || blocked)
        printf("%ld times, %d faults, %ld added%s\n", times, (int)faults, *page,
               blocked ? ", a signal was blocked" : "");
    return faults != times || *page != times / 2 || blocked;
}
