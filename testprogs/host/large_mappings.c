/*
 * A program that maps 330 GB in small pieces that it does not touch, as 100,000 goroutines' stacks do, and goes on to make tasks: what the
 * recorder keeps of them is not in its way, nor the other way round.
 *
 * EXPECT: none
 * MODE: plain patched
 * TIMEOUT: 30
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

#define TASKS 4000

static void *work(void *argument)
{
    return argument;
}

/* The kernel takes the highest gap that is large enough. */
static bool map_pieces(unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++)
        if (mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
            MAP_FAILED)
            return false;
    return true;
}

int main(void)
{
    if (!map_pieces(80000, (size_t)4 << 20) || !map_pieces(8000, (size_t)64 << 10))
        return 77; /* a system that counts such memory */
    for (int i = 0; i < TASKS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, NULL) || pthread_join(thread, NULL))
            return 1;
    }
    puts("done");
    return 0;
}
