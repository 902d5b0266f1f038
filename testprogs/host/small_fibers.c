/*
 * Fibers on 4 KB, of which they use nearly half before they lock, allocate, copy and store. Below each stack there is no
 * memory.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 * BARE: yes
 * LIBS: -Wl,-z,now
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define FIBERS 4
#define ROUNDS 50
#define SIZE   4096

#ifdef __SANITIZE_THREAD__
#define USED 1000 /* such code takes more of its own */
#else
#define USED 1900
#endif

static ucontext_t scheduler, fibers[FIBERS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char from[2000], to[2000];
static long total;
static int present;

__attribute__((noinline)) static void work(void)
{
    pthread_mutex_lock(&lock);
    total++;
    pthread_mutex_unlock(&lock);
    char *block = malloc(100);
    memcpy(to, from, sizeof(to));
    *block = to[present];
    free(block);
}

__attribute__((noinline)) static void use(void)
{
    volatile char most[USED];
    for (unsigned i = 0; i < sizeof(most); i += 16)
        most[i] = 1;
    work();
}

static void fiber(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        use();
        swapcontext(&fibers[present], &scheduler);
    }
}

static void *other(void *unused)
{
    pthread_mutex_lock(&lock);
    total++;
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, other, NULL);
    for (int i = 0; i < FIBERS; i++) {
        char *memory =
            mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        mprotect(memory, SIZE, PROT_NONE);
        getcontext(&fibers[i]);
        fibers[i].uc_stack = (stack_t){.ss_sp = memory + SIZE, .ss_size = SIZE};
        fibers[i].uc_link = &scheduler;
        makecontext(&fibers[i], fiber, 0);
    }
    for (int round = 0; round <= ROUNDS; round++)
        for (present = 0; present < FIBERS; present++)
            swapcontext(&scheduler, &fibers[present]);
    pthread_join(thread, NULL);
    printf("%ld\n", total);
    return 0;
}
