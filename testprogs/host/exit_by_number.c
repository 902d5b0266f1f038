/*
 * The end of the process by the system call's number, from a thread while others run.
 *
 * EXPECT: race @one @two counter
 * EXPECT: exit 7
 * MODE: instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../order.h"

static int counter;

static void *work(void *unused)
{
    order_blocked(1);
    counter++; /* @one */
    syscall(SYS_exit_group, 7);
    return unused;
}

int main(void)
{
    pthread_t thread;
    puts("started");
    fflush(stdout);
    counter = 1;
    pthread_create(&thread, NULL, work, NULL);
    counter++; /* @two */
    order_block(1);
    pthread_join(thread, NULL);
    puts("not reached");
    return 0;
}
