/*
 * See gathered_crash.c: of what is written nothing races.
 *
 * EXPECT: none
 * EXPECT: exit 139
 * MODE: patched lazy
 * ENV: GOROCHECK_OPTIONS=sites=4
 * ONLY: it is about patching
 */
#include <pthread.h>

#include "../order.h"

static long numbers[65536];

static void *compute(void *lock)
{
    order_wait(1);
    for (int i = 0; i < 65536; i += 8)
        numbers[i]++;
    pthread_mutex_lock(lock);
    return lock;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, compute, (void *)64);
    numbers[40001]++;
    order_signal(1);
    pthread_join(thread, NULL);
    return 1;
}
