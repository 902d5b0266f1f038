/*
 * Ten thousand threads, one after the other.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>

static int total;

static void *work(void *unused)
{
    total++;
    return unused;
}

int main(void)
{
    for (int i = 0; i < 10000; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, NULL))
            return 1;
        pthread_join(thread, NULL);
    }
    printf("%d\n", total);
    return 0;
}
