/*
 * Threads with the smallest stack there is do a little of everything.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static int count;

static void *work(void *argument)
{
    int me = (int)(long)argument;
    char *block = malloc(128);
    memset(block, me, 128);
    pthread_mutex_lock(&lock);
    while (count != me)
        pthread_cond_wait(&turn, &lock);
    count++;
    pthread_cond_broadcast(&turn);
    pthread_mutex_unlock(&lock);
    free(block);
    return NULL;
}

int main(void)
{
    pthread_t threads[20];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    for (long i = 19; i >= 0; i--)
        pthread_create(&threads[i], &attributes, work, (void *)i);
    for (int i = 0; i < 20; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attributes);
    printf("%d\n", count);
    return 0;
}
