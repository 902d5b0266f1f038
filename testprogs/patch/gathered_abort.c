/*
 * A thread is in the midst of a long computation, whose accesses are gathered, when another one ends the program by a
 * signal: they are written, and a race among them is found.
 *
 * EXPECT: race @compute @touch
 * EXPECT: exit 134
 * MODE: patched lazy
 * ENV: GOROCHECK_OPTIONS=sites=4
 * ONLY: it is about patching
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

static long numbers[65536];

static void *compute(void *unused)
{
    for (int i = 0; i < 65536; i += 8)
        numbers[i]++; /* @compute */
    order_signal(1);
    for (;;)
        __asm__ volatile("pause");
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, compute, NULL);
    order_wait(1);
    numbers[40000]++; /* @touch */
    abort();
}
