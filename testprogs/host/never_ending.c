/*
 * Threads that never end: main returns while one sleeps and the other one computes.
 *
 * EXPECT: unjoined @sleep sleep_forever [suspected]
 * EXPECT: unjoined @compute compute_forever [suspected]
 * MODE: plain
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static volatile unsigned long rounds;

static void *compute_forever(void *unused)
{
    for (;; rounds++)
        if (rounds % 1000 == 0)
            usleep(100);
    return unused;
}

static void *sleep_forever(void *unused)
{
    for (;;)
        sleep(1000);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, compute_forever, NULL); /* @compute */
    pthread_detach(thread);
    pthread_create(&thread, NULL, sleep_forever, NULL); /* @sleep */
    pthread_detach(thread);
    puts("leaving");
    return 0;
}
