/*
 * See gathered_abort.c: of what is written nothing races.
 *
 * EXPECT: none
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
        numbers[i]++;
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
    numbers[40001]++;
    abort();
}
