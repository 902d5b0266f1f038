/*
 * What OpenMP orders beyond openmp_ok.c: loops of tasks, reductions by tasks, events that a task waits for, iterations that
 * wait for others; and many tasks in a row, whose blocks libgomp uses again.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * CFLAGS: -fopenmp
 */
#include <omp.h>
#include <stdio.h>

#define N          400
#define ROUNDS     100
#define ITERATIONS 16 /* who waits for one spins */

static int in[N], out[N], grid[ITERATIONS][8], cells[8];
static long sum, count, reduced;
static int late;

static void tasks(void)
{
#pragma omp taskloop grainsize(10)
    for (int i = 0; i < N; i++)
        out[i] = in[i] * 2;
    for (int i = 0; i < N; i++)
        sum += out[i];
#pragma omp taskgroup task_reduction(+ : reduced)
    {
        for (int i = 0; i < 20; i++)
#pragma omp task in_reduction(+ : reduced) firstprivate(i)
            reduced += out[i];
    }
    sum += reduced;
#pragma omp taskloop reduction(+ : count) num_tasks(8)
    for (int i = 0; i < N; i++)
        count += out[i];
    sum += count;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 8; i++) {
#pragma omp task depend(inout : cells[i]) firstprivate(i, round)
            cells[i] += i + round;
#pragma omp task depend(in : cells[i]) depend(inout : sum) firstprivate(i)
            sum += cells[i];
        }
    }
#pragma omp taskwait
}

static void event(void)
{
    omp_event_handle_t done;
    int begun = 0;
#pragma omp task detach(done) depend(out : begun)
    {
        begun = 1;
#pragma omp task firstprivate(done)
        {
            late = 7;
            omp_fulfill_event(done);
        }
    }
#pragma omp task depend(in : begun)
    sum += late;
#pragma omp taskwait
}

static void iterations(void)
{
#pragma omp for ordered(1) schedule(static, 1)
    for (int i = 1; i < ITERATIONS; i++) {
#pragma omp ordered depend(sink : i - 1)
        in[i] = in[i - 1] + 1;
#pragma omp ordered depend(source)
    }
#pragma omp for ordered(2) schedule(dynamic, 1)
    for (int i = 1; i < ITERATIONS; i++)
        for (int j = 1; j < 8; j++) {
#pragma omp ordered depend(sink : i - 1, j) depend(sink : i, j - 1)
            grid[i][j] = (grid[i - 1][j] + grid[i][j - 1] + 1) % 1000;
#pragma omp ordered depend(source)
        }
#pragma omp for reduction(task, + : reduced)
    for (int i = 0; i < 40; i++) {
#pragma omp task in_reduction(+ : reduced) firstprivate(i)
        reduced += i;
    }
}

int main(void)
{
    for (int i = 0; i < N; i++)
        in[i] = i;
#pragma omp parallel num_threads(4)
    {
#pragma omp single
        tasks();
        iterations();
#pragma omp single
        event();
    }
    printf("%ld %ld %ld %d %d %d\n", sum, count, reduced, in[N - 1], grid[ITERATIONS - 1][7], late);
    return 0;
}
