/*
 * A thread is in the midst of a long computation, whose accesses are gathered, when another one replaces the program: what
 * was not written is lost, and that is said.
 *
 * EXPECT: none
 * MODE: patched lazy
 * ENV: GOROCHECK_OPTIONS=sites=4
 * STATUS: 3
 * SAYS: but the record is not whole
 * ONLY: it is about patching
 */
#include <pthread.h>
#include <unistd.h>

#include "../order.h"

static int numbers[65536];

static void *compute(void *unused)
{
    for (int i = 0; i < 65536; i++)
        numbers[i] += numbers[i * 7 % 65536];
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
    execl("/bin/true", "true", (char *)NULL);
    return 1;
}
