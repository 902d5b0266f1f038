/*
 * What OpenMP orders: regions, barriers, loops, reductions, critical sections, locks, sections, ordered, copied private
 * values, tasks and their depend clauses.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * CFLAGS: -fopenmp
 */
#include <omp.h>
#include <stdio.h>

#define N 1000

static int data[N], out[N], total, count, locked, ordered[N], ordered_count, chain;
static long single;

static int fib(int n)
{
    int a, b;
    if (n < 2)
        return n;
#pragma omp task shared(a)
    a = fib(n - 1);
#pragma omp task shared(b)
    b = fib(n - 2);
#pragma omp taskwait
    return a + b;
}

static void region(omp_lock_t *lock)
{
    long copied;
#pragma omp for schedule(dynamic, 7)
    for (int i = 0; i < N; i++)
        out[i] = data[N - 1 - i] * 2;
#pragma omp for reduction(+ : total) schedule(guided)
    for (int i = 0; i < N; i++)
        total += out[N - 1 - i];
#pragma omp critical
    count++;
#pragma omp critical(another)
    chain++;
    omp_set_lock(lock);
    locked++;
    omp_unset_lock(lock);
#pragma omp barrier
#pragma omp single copyprivate(copied)
    copied = single = total + count;
#pragma omp sections
    {
#pragma omp section
        data[0] = (int)copied;
#pragma omp section
        data[1] = (int)copied + 1;
    }
    out[omp_get_thread_num()] = data[0] + data[1];
#pragma omp barrier
#pragma omp for ordered schedule(static, 3)
    for (int i = 0; i < 60; i++) {
#pragma omp ordered
        ordered[ordered_count++] = i;
    }
}

int main(void)
{
    omp_lock_t lock;
    int f = 0, before = 0, behind = 0;
    omp_init_lock(&lock);
#pragma omp parallel for num_threads(4)
    for (int i = 0; i < N; i++)
        data[i] = i;
#pragma omp parallel num_threads(4)
    region(&lock);
#pragma omp parallel num_threads(4)
#pragma omp single
    {
        f = fib(12);
#pragma omp task depend(out : before)
        before = f + 1;
#pragma omp task depend(in : before) depend(out : behind)
        behind = before + 1;
#pragma omp task depend(in : behind)
        chain += behind;
    }
    printf("%d %d %d %ld %d %d %d %d\n", total, count, locked, single, ordered[59], f, behind,
           chain);
    omp_destroy_lock(&lock);
    return 0;
}
