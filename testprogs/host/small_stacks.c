/*
 * Threads with the smallest stack there is do a little of everything, and use nearly all of it.
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

#ifdef __SANITIZE_THREAD__
#define USED 4000 /* such code takes more of its own */
#else
#define USED 10400 /* of what glibc leaves of 16384, some 11700 */
#endif

__attribute__((noinline)) static void fill(volatile char *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i += 16)
        bytes[i] = 1;
}

__attribute__((noinline)) static void use_stack(void)
{
    char most[USED];
    fill(most, sizeof(most));
}

static void *work(void *argument)
{
    int me = (int)(long)argument;
    use_stack();
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
