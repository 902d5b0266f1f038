/*
 * The program bounds its own address space: all but what the recorder uses is still its own.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define MEGABYTE ((size_t)1 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long sum;

static void *work(void *block)
{
    memset(block, 1, 32 * MEGABYTE);
    pthread_mutex_lock(&lock);
    sum += ((char *)block)[5 * MEGABYTE];
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(void)
{
    struct rlimit space = {256 * MEGABYTE, 256 * MEGABYTE};
    setrlimit(RLIMIT_AS, &space);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, MEGABYTE);
    pthread_t threads[4];
    char *blocks[4];
    for (int i = 0; i < 4; i++) {
        if (!(blocks[i] = malloc(32 * MEGABYTE)) ||
            pthread_create(&threads[i], &small, work, blocks[i]) != 0) {
            printf("%d: no memory\n", i);
            return 1;
        }
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        free(blocks[i]);
    }
    printf("%ld\n", sum);
    return 0;
}
