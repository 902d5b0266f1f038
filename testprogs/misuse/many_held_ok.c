/*
 * Threads hold two hundred locks at a time, more than are remembered one by one, and give them up in the order in which
 * they took them, and from the middle: none is held when they end.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>

enum { HELD = 200 };
static pthread_rwlock_t shared[HELD];
static pthread_mutex_t own[HELD];
static int total;

static void *reads(void *unused)
{
    for (int i = 0; i < HELD; i++)
        pthread_rwlock_rdlock(&shared[i]);
    for (int i = 0; i < HELD; i++)
        pthread_rwlock_unlock(&shared[i]);
    return unused;
}

static void *writes(void *unused)
{
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < HELD; i++)
            pthread_mutex_lock(&own[i]);
        total++;
        for (int i = 0; i < HELD; i++)
            pthread_mutex_unlock(&own[(i + HELD / 4) % HELD]);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < HELD; i++) {
        pthread_rwlock_init(&shared[i], NULL);
        pthread_mutex_init(&own[i], NULL);
    }
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i % 2 ? reads : writes, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", total);
    return 0;
}
