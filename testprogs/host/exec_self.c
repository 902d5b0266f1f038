/*
 * A program replaces itself three times while a thread of it runs.
 *
 * EXPECT: none
 * EXPECT: exit 3
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../order.h"

static void *work(void *unused)
{
    order_signal(1);
    order_wait(2);
    return unused;
}

int main(int argc, char **argv)
{
    int generation = argc > 1 ? atoi(argv[1]) : 0;
    char next[16];
    printf("%d\n", generation);
    fflush(stdout);
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    order_wait(1);
    if (generation == 3) {
        order_signal(2);
        pthread_join(thread, NULL);
        return 3;
    }
    snprintf(next, sizeof(next), "%d", generation + 1);
    execl("/proc/self/exe", argv[0], next, (char *)NULL);
    return 99;
}
