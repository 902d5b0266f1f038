/*
 * An object with a flag, handed to a thread and back by plain moves, and each time made anew by a store of 16 bytes, flag and
 * all. It is a flag all the same; that store comes after the one that gave the object back.
 *
 * EXPECT: race @give @anew [suspected]
 * MODE: patched
 * ONLY: the compiler says that the flag is atomic
 */
#include <emmintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static struct {
    atomic_long given;
    long unused;
} job __attribute__((aligned(16)));
static struct {
    long a, b, c;
} data;
static atomic_int taken;

static void *worker(void *unused)
{
    for (int round = 0; round < 50; round++) {
        while (atomic_load(&taken) != 2 * round + 1)
            sched_yield();
        memset(&data, round, sizeof data);
        atomic_store_explicit(&job.given, 1, memory_order_release); /* @give */
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, worker, NULL);
    for (int round = 0; round < 50; round++) {
        _mm_store_si128((__m128i *)(void *)&job, _mm_setzero_si128()); /* @anew */
        atomic_fetch_add(&taken, 1);
        while (!atomic_load_explicit(&job.given, memory_order_acquire))
            sched_yield();
        memset(&data, 0, sizeof data);
        atomic_fetch_add_explicit(&taken, 1, memory_order_relaxed);
    }
    return pthread_join(thread, NULL);
}
