/*
 * Detached threads in a row run on one stack of the program's own: local and thread-local variables of one lie where those
 * of the one before lay, and no synchronisation leads from one to the next.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE 65536

static __thread int mine[32];
static sem_t begun;
static long number;

__attribute__((noinline)) static void count(volatile int *counters)
{
    for (int i = 0; i < 32; i++)
        counters[i]++;
}

static void *run(void *unused)
{
    volatile int local[32] = {0};
    number = syscall(SYS_gettid);
    sem_post(&begun);
    count(local);
    count(mine);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    void *stack = aligned_alloc(64, SIZE);
    sem_init(&begun, 0, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 5; i++) {
        pthread_create(&thread, &attributes, run, NULL);
        sem_wait(&begun);
        while (syscall(SYS_tgkill, getpid(), number, 0) == 0)
            usleep(100);
    }
    return 0;
}
