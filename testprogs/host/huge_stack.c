/*
 * A thread that uses nearly all of a large stack, in deep recursion.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>

__attribute__((noinline)) static long dig(int depth)
{
    volatile char room[400];
    room[depth % 400] = 1;
    return depth ? dig(depth - 1) + room[depth % 400] : 0;
}

static void *work(void *argument)
{
    *(long *)argument = dig(100000);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    long result = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 100 << 20);
    pthread_create(&thread, &attributes, work, &result);
    pthread_join(thread, NULL);
    printf("%ld\n", result);
    return 0;
}
