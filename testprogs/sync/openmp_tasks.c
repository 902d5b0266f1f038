/*
 * What OpenMP does not order: a loop of tasks that belongs to no group, before anybody waits for it; an iteration that
 * announces itself, where nobody waits for that.
 *
 * EXPECT: race @task @maker early [proved]
 * EXPECT: race @iteration @iteration chain[1]
 * MODE: instrumented patched
 * CFLAGS: -fopenmp
 */
#include <stdio.h>

#include "../order.h"

static int early, chain[2];

int main(void)
{
#pragma omp parallel num_threads(2)
    {
#pragma omp single
        {
#pragma omp taskloop nogroup num_tasks(1)
            for (int i = 0; i < 1; i++) {
                early++; /* @task */
                order_signal(1);
            }
            order_wait(1); /* the other thread has run it */
            early++;       /* @maker */
        }
#pragma omp for ordered(1) schedule(static, 1)
        for (int i = 0; i < 2; i++) {
            chain[1] += i; /* @iteration */
#pragma omp ordered depend(source)
        }
    }
    printf("%d\n", early);
    return 0;
}
