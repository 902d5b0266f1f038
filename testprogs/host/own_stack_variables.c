/*
 * The C library makes a thread on 16 KB of the program's own though 8 KB of them go to thread-local variables.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE 16384

static __thread char variables[8000];

static void *run(void *argument)
{
    for (unsigned i = 0; i < sizeof(variables); i++)
        variables[i]++;
    return argument;
}

int main(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    void *stack = aligned_alloc(64, SIZE);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, SIZE);
    int result = pthread_create(&thread, &attributes, run, NULL);
    if (result == 0)
        pthread_join(thread, NULL);
    free(stack);
    printf("%d\n", result);
    return 0;
}
