/*
 * A loop's threads add to a shared variable without a reduction; and a critical section does not guard against a lock.
 *
 * EXPECT: race @add @add total
 * EXPECT: race @critical @lock count
 * MODE: instrumented patched
 * CFLAGS: -fopenmp
 */
#include <omp.h>
#include <sched.h>

int total, count;

int main(void)
{
    omp_lock_t lock;
    omp_init_lock(&lock);
#pragma omp parallel num_threads(2)
    {
        for (int i = 0; i < 50; i++) {
            total++; /* @add */
            sched_yield();
        }
        if (omp_get_thread_num()) {
            omp_set_lock(&lock);
            count++; /* @lock */
            omp_unset_lock(&lock);
        } else {
#pragma omp critical
            count++; /* @critical */
        }
    }
    return 0;
}
