/*
 * A thread runs on the stack of one that has ended.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

int sum;

static void *run(void *argument)
{
    volatile int local[200];
    for (int i = 0; i < 200; i++)
        local[i] = i;
    for (int i = 0; i < 200; i++)
        sum += local[i];
    return argument;
}

int main(void)
{
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, run, NULL);
        pthread_join(thread, NULL);
    }
    return sum != 20 * 19900;
}
