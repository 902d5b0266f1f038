/*
 * One thread does its work in callbacks of dl_iterate_phdr, under the dynamic linker's lock; another one locks, allocates and
 * touches memory at ever new depths, whose call stacks the recorder wants: its unwinder asks for the modules, too. Neither
 * waits for the other.
 *
 * EXPECT: none
 * MODE: plain instrumented patched lazy
 */
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 300, DEPTH = 40 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long sums[2];

/* The call stacks of two depths or two places are not the same. */
static __attribute__((noinline)) long deep(int depth, long *sum)
{
    long below = depth ? depth & 1 ? deep(depth - 1, sum) : deep(depth - 1, sum) + 1 : 0;
    pthread_mutex_lock(&mutex);
    *sum += below;
    pthread_mutex_unlock(&mutex);
    free(malloc((size_t)depth + 1));
    return below + 1;
}

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    if (info->dlpi_phnum)
        deep(*(int *)data, &sums[0]);
    return 0;
}

static void *walk(void *unused)
{
    for (int i = 0; i < ROUNDS; i++) {
        int depth = i % DEPTH;
        dl_iterate_phdr(visit, &depth);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, walk, NULL);
    for (int i = 0; i < 4 * ROUNDS; i++)
        deep(i % DEPTH, &sums[1]);
    pthread_join(thread, NULL);
    printf("%d %ld\n", sums[0] > 0, sums[1]);
    return 0;
}
