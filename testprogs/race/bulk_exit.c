/*
 * What a task has gathered that still runs when the process ends: it never synchronises.
 *
 * EXPECT: race @worker @main shared
 * EXPECT: unjoined @create work [proved]
 * MODE: patched
 * ONLY: accesses of instrumented code are never gathered
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

#define LINES 4000

char rows[LINES][64];
int shared;

static void *work(void *unused)
{
    for (int i = 0; i < LINES; i++)
        rows[i * 37 % LINES][0] = 1;
    shared = 1; /* @worker */
    order_signal(1);
    for (;;)
        ;
    return unused;
}

int main(void)
{
    pthread_t a;
    pthread_create(&a, NULL, work, NULL); /* @create */
    order_wait(1);
    shared = 2; /* @main */
    exit(0);
}
