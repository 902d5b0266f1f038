/*
 * Threads on a stack of the program's own, the smallest there is: nearly all of it is used. It is where the program says,
 * also by what it asks of the thread; it is given again once the thread was joined, and when one that was detached is over.
 * Threads return, leave, are cancelled, catch; all that lies on the stack is destroyed.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 * BARE: yes
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cstdint>
#include <cstdio>
#include <stdexcept>

#define SIZE  16384u
#define PAGE  4096u
#define TIMES 30

#ifdef __SANITIZE_THREAD__
#define USED 4000 /* such code takes more of its own */
#else
#define USED 8000 /* of what glibc leaves of 16384, some 11700 */
#endif

static char *stack;
static int destroyed, caught, wrong;
static long number;
static sem_t begun, seen;
static thread_local char own[1000];

struct counted {
    ~counted()
    {
        destroyed++;
    }
};

static bool on_stack(const volatile void *place)
{
    uintptr_t address = (uintptr_t)place;
    return address >= (uintptr_t)stack && address < (uintptr_t)stack + SIZE;
}

__attribute__((noinline)) static void use(void)
{
    volatile char most[USED];
    for (unsigned i = 0; i < sizeof(most); i += 16)
        most[i] = 1;
    wrong += !on_stack(most);
}

static void told(pthread_t thread)
{
    pthread_attr_t attributes;
    void *low = nullptr;
    size_t size = 0, guard = 1;
    pthread_getattr_np(thread, &attributes);
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_getguardsize(&attributes, &guard);
    pthread_attr_destroy(&attributes);
    wrong += low != stack || size != SIZE || guard != 0;
}

__attribute__((noinline)) static void thrower()
{
    counted one;
    throw std::runtime_error("thrown");
}

static void *work(void *how)
{
    counted one;
    use();
    for (char &byte : own)
        wrong += byte++ != 0;
    told(pthread_self());
    sem_post(&begun);
    sem_wait(&seen);
    try {
        thrower();
    } catch (const std::runtime_error &) {
        caught++;
    }
    sem_post(&begun);
    if ((long)how == 1)
        pthread_exit(nullptr);
    while ((long)how == 2)
        usleep(1000);
    return how;
}

static void *detached(void *argument)
{
    wrong += !on_stack(&argument);
    use();
    number = syscall(SYS_gettid);
    sem_post(&begun);
    return nullptr;
}

int main()
{
    char *memory = (char *)mmap(nullptr, 5 * PAGE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    mprotect(memory, PAGE, PROT_NONE);
    stack = memory + PAGE;
    sem_init(&begun, 0, 0);
    sem_init(&seen, 0, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, SIZE);
    for (long i = 0; i < TIMES; i++) {
        pthread_create(&thread, &attributes, work, (void *)(i % 3));
        sem_wait(&begun);
        told(thread);
        sem_post(&seen);
        sem_wait(&begun);
        if (i % 3 == 2)
            pthread_cancel(thread);
        void *result;
        pthread_join(thread, &result);
        wrong += result != (i % 3 == 2 ? PTHREAD_CANCELED : nullptr);
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < TIMES; i++) {
        pthread_create(&thread, &attributes, detached, nullptr);
        sem_wait(&begun);
        while (syscall(SYS_tgkill, getpid(), number, 0) == 0)
            usleep(100);
    }
    printf("%d %d %d\n", destroyed, caught, wrong);
    return 0;
}
