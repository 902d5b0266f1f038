/*
 * Who waits for any of four flags reads all of them by one load of 32 bytes. Each part of it is a load of a flag, and what
 * it reads may have come after the load was announced and before it ran.
 *
 * EXPECT: none
 * MODE: patched
 */
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { ROUNDS = 5000, FLAGS = 4 };
static struct {
    atomic_long flags[FLAGS];
} __attribute__((aligned(32))) board;
static atomic_long turn;
static struct {
    long a, b, c, d;
} __attribute__((aligned(16))) data;

/* Which flag is up; FLAGS: none. */
__attribute__((target("avx2"))) static int look_wide(void)
{
    __m256i all;
    __asm__ volatile("vmovdqa %1, %0" : "=x"(all) : "m"(board) : "memory");
    __m256i down = _mm256_cmpeq_epi64(all, _mm256_setzero_si256());
    int up = ~_mm256_movemask_pd(_mm256_castsi256_pd(down)) & 15;
    return up ? __builtin_ctz((unsigned)up) : FLAGS;
}

static int look(void)
{
    if (__builtin_cpu_supports("avx2"))
        return look_wide();
    for (int i = 0; i < FLAGS; i++)
        if (atomic_load(&board.flags[i]))
            return i;
    return FLAGS;
}

static void change(void)
{
    data.a++;
    data.b++;
    data.c++;
    data.d++;
}

static void *waiter(void *unused)
{
    for (int round = 0; round < ROUNDS; round++) {
        int flag;
        while ((flag = look()) == FLAGS)
            sched_yield();
        change();
        atomic_exchange(&board.flags[flag], 0);
        atomic_fetch_add(&turn, 1);
    }
    return unused;
}

int main(void)
{
    for (int flag = 0; flag < FLAGS; flag++)
        atomic_exchange(&board.flags[flag], 0);
    pthread_t thread;
    pthread_create(&thread, NULL, waiter, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        change();
        atomic_exchange(&board.flags[round % FLAGS], 1);
        while (atomic_load(&turn) != round + 1)
            sched_yield();
    }
    pthread_join(thread, NULL);
    return data.a != 2 * ROUNDS;
}
