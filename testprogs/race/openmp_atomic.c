/*
 * What OpenMP makes atomic is so by a line of its own, before the one that accesses: in machine code nothing shows it.
 *
 * EXPECT: none
 * MODE: instrumented patched
 * PATCHED: race @write @read word [suspected]
 * ONLY: in machine code an atomic load or store looks like a plain one
 * CFLAGS: -fopenmp
 */
#include <stdio.h>

static int word, seen;

int main(void)
{
#pragma omp parallel num_threads(2)
    {
        int value;
#pragma omp barrier
#pragma omp single nowait
        {
#pragma omp atomic write
            word = 1; /* @write */
        }
#pragma omp atomic read
        value = word; /* @read */
#pragma omp critical
        seen += value >= 0;
    }
    printf("%d %d\n", word, seen);
    return 0;
}
