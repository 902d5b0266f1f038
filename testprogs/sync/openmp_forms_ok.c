/*
 * OpenMP's rarer calls: a region whose reduction tasks take part in, an iteration named by more numbers than registers hold,
 * and regions as gcc before 4.9 began and ended them, also within each other.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * CFLAGS: -fopenmp
 */
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>

#define ITERATIONS 16 /* who waits for one spins */

static int cells[8], inner[8], line[ITERATIONS], total, whole;

static int reduced(void)
{
    int sum = 0;
#pragma omp parallel num_threads(3) reduction(task, + : sum)
    {
        sum++;
#pragma omp for
        for (int i = 0; i < 12; i++)
#pragma omp task in_reduction(+ : sum) firstprivate(i)
            sum += i;
    }
    return sum;
}

/* clang-format off */
static int waited(void)
{
    int one = omp_get_num_procs() > 0; /* the compiler is not to know */
#pragma omp parallel num_threads(2)
#pragma omp for ordered(12) schedule(static, 1)
    for (int i = 0; i < ITERATIONS; i++)
    for (int a = 0; a < one; a++) for (int b = 0; b < one; b++) for (int c = 0; c < one; c++)
    for (int d = 0; d < one; d++) for (int e = 0; e < one; e++) for (int f = 0; f < one; f++)
    for (int g = 0; g < one; g++) for (int h = 0; h < one; h++) for (int j = 0; j < one; j++)
    for (int k = 0; k < one; k++) for (int l = 0; l < one; l++) {
#pragma omp ordered depend(sink : i - 1, a, b, c, d, e, f, g, h, j, k, l)
        line[i] = i ? line[i - 1] + i : 0;
#pragma omp ordered depend(source)
    }
    return line[ITERATIONS - 1];
}
/* clang-format on */

void GOMP_parallel_start(void (*function)(void *), void *data, unsigned threads);
void GOMP_parallel_loop_dynamic_start(void (*function)(void *), void *data, unsigned threads,
                                      long start, long end, long step, long chunk);
bool GOMP_loop_dynamic_next(long *from, long *to);
void GOMP_loop_end_nowait(void);
void GOMP_parallel_end(void);
void GOMP_barrier(void);

static void loop(void *step)
{
    long from, to;
    while (GOMP_loop_dynamic_next(&from, &to))
        for (; from < to; from++)
            inner[from] += *(int *)step;
    GOMP_loop_end_nowait();
}

static void share(void *unused)
{
    (void)unused;
    int self = omp_get_thread_num();
    cells[self]++;
    if (self == 0) {
        int step = 2;
        GOMP_parallel_loop_dynamic_start(loop, &step, 2, 0, 8, 1, 1);
        loop(&step);
        GOMP_parallel_end();
        whole = inner[0] + inner[7];
    }
    GOMP_barrier();
    for (int i = 0; i < 3; i++)
        __atomic_fetch_add(&total, cells[i] + whole, __ATOMIC_RELAXED);
}

static void region(void)
{
    GOMP_parallel_start(share, NULL, 3);
    share(NULL);
    GOMP_parallel_end();
}

int main(void)
{
    omp_set_max_active_levels(2);
    printf("%d %d\n", reduced(), waited());
    for (int i = 0; i < 20; i++) {
        region();
        cells[i % 3] = i;
        whole = 0;
    }
    printf("%d %d\n", total, inner[3]);
    return 0;
}
