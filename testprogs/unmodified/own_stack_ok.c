/*
 * A flag in a variable on main's stack, which a thread knows by its address. main itself stores it off its stack pointer, as it
 * does with what nobody else can know; it is a flag all the same, and what it hands over does not race.
 *
 * EXPECT: race @set @look [suspected]
 * MODE: patched
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

int main(void)
{
    struct shared shared = {.ready = 0};
    pthread_t thread;
    void *bad;
    pthread_create(&thread, NULL, reader, &shared);
    memset(data, 1, sizeof data);
    atomic_store_explicit(&shared.ready, 1, memory_order_release); /* @set */
    pthread_join(thread, &bad);
    return bad != NULL;
}
