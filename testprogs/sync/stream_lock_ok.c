/*
 * The lock of a stream keeps apart what the program does while it has it. It is recursive.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

static struct {
    long first, second, third;
} place;

static void *worker(void *tries)
{
    for (int i = 0; i < 200; i++) {
        if (tries)
            while (ftrylockfile(stdout) != 0)
                sched_yield();
        else
            flockfile(stdout);
        flockfile(stdout);
        place.first++;
        funlockfile(stdout);
        place.third++;
        funlockfile(stdout);
    }
    return NULL;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, worker, NULL);
    pthread_create(&b, NULL, worker, &place);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return place.first != 400 || place.third != 400;
}
