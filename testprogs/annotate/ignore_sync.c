/*
 * A thread locks within a part of which it has said that nothing in it orders (AnnotateIgnoreSyncBegin): so its lock does not
 * keep the race from being seen. Before and after it, locks count.
 *
 * EXPECT: race @early @late [proved]
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"

void AnnotateIgnoreSyncBegin(const char *file, int line) __attribute__((weak));
void AnnotateIgnoreSyncEnd(const char *file, int line) __attribute__((weak));

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t both = PTHREAD_RWLOCK_INITIALIZER;
static int unordered, ordered, shared;

static void part(int begins)
{
    if (begins && AnnotateIgnoreSyncBegin)
        AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
    if (!begins && AnnotateIgnoreSyncEnd)
        AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
}

static void *writes(void *unused)
{
    ordered = 1;
    pthread_rwlock_rdlock(&both);
    int before = shared;
    pthread_rwlock_unlock(&both);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    part(1);
    part(1);
    part(0); /* they nest */
    pthread_mutex_lock(&mutex);
    unordered = 1 + before; /* @early */
    pthread_mutex_unlock(&mutex);
    part(0);
    order_signal(1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, writes, NULL);
    order_wait(1);
    pthread_mutex_lock(&mutex);
    ordered++;   /* by the unlock before the part */
    unordered++; /* @late */
    pthread_mutex_unlock(&mutex);
    pthread_rwlock_wrlock(&both);
    shared = 1;
    pthread_rwlock_unlock(&both);
    pthread_join(thread, NULL);
    printf("%d %d\n", ordered, unordered);
    return 0;
}
