/*
 * As own_stack_ok, but what stores the flag is seldom reached: the compiler sets it apart, and there no address is taken.
 *
 * EXPECT: race @set @look [suspected]
 * MODE: patched
 * CFLAGS: -O2
 * ONLY: a store off the stack pointer; the compiler says that the flag is atomic
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

struct shared {
    int unused[2];
    atomic_int ready;
};
static char data[64];

static void *reader(void *argument)
{
    struct shared *shared = argument;
    while (!atomic_load_explicit(&shared->ready, memory_order_acquire)) /* @look */
        sched_yield();
    return data[0] == 1 && data[63] == 1 ? NULL : argument;
}

__attribute__((cold, noinline)) static void fill(void)
{
    memset(data, 1, sizeof data);
}

__attribute__((cold, noinline)) static void pause_there(void)
{
    sched_yield();
}

__attribute__((noinline)) static int hand_over(int arguments)
{
    struct shared shared = {.ready = 0};
    pthread_t thread;
    void *bad;
    pthread_create(&thread, NULL, reader, &shared);
    if (arguments) {
        fill();
        atomic_store_explicit(&shared.ready, 1, memory_order_release); /* @set */
        pause_there();
    }
    pthread_join(thread, &bad);
    return bad != NULL;
}

int main(int argc, char **argv)
{
    (void)argv;
    return hand_over(argc);
}
