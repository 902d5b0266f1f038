/*
 * Threads are made before main begins and after it has returned.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>

static int value;

static void *work(void *unused)
{
    value++;
    return unused;
}

__attribute__((constructor)) static void early(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
}

__attribute__((destructor)) static void late(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    printf("%d\n", value);
}

int main(void)
{
    value *= 10;
    return 0;
}
