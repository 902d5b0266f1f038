/*
 * A thread that cannot be created need not be joined.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>
#include <stdio.h>

static void *work(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)1 << 46);
    printf("%d\n", pthread_create(&thread, &attributes, work, NULL) != 0);
    pthread_attr_destroy(&attributes);
    pthread_create(&thread, NULL, work, NULL);
    return pthread_join(thread, NULL);
}
