/*
 * Signals of two kinds, of which one interrupts the handler of the other, rain on threads whose stack is of the program's own
 * and the smallest there is, while they lock, allocate and store. Below each stack there is no memory.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 * BARE: yes
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define THREADS 2
#define SIZE    16384
#define PAGE    4096
#define SIGNALS 6000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int stop, handled;
static long total;

static void handler(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

static void *work(void *unused)
{
    while (!atomic_load(&stop)) {
        pthread_mutex_lock(&lock);
        total++;
        pthread_mutex_unlock(&lock);
        char *block = malloc(100);
        memset(block, 1, 100);
        free(block);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_attr_t attributes;
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    pthread_attr_init(&attributes);
    for (int i = 0; i < THREADS; i++) {
        char *memory =
            mmap(NULL, PAGE + SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(memory, PAGE, PROT_NONE);
        pthread_attr_setstack(&attributes, memory + PAGE, SIZE);
        pthread_create(&threads[i], &attributes, work, NULL);
    }
    for (int i = 0; i < SIGNALS; i++)
        pthread_kill(threads[i / 2 % THREADS], i % 2 ? SIGUSR1 : SIGUSR2);
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", atomic_load(&handled) > 0);
    return 0;
}
