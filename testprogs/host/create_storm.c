/*
 * Four threads create and join short-lived threads at a time: handles and stacks pass from one to the other.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>

static void *bump(void *argument)
{
    ++*(int *)argument;
    return argument;
}

static void *creator(void *argument)
{
    int *sum = argument;
    for (int i = 0; i < 500; i++) {
        pthread_t thread;
        void *result;
        if (pthread_create(&thread, NULL, bump, sum))
            return NULL;
        pthread_join(thread, &result);
        if (result != argument)
            return NULL;
        ++*sum;
    }
    return argument;
}

int main(void)
{
    static int sums[4];
    pthread_t creators[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&creators[i], NULL, creator, &sums[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(creators[i], NULL);
    printf("%d %d %d %d\n", sums[0], sums[1], sums[2], sums[3]);
    return 0;
}
