/*
 * A robust mutex: its owner ends, the next one repairs the data and goes on.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t lock;
static int data;

static void *die(void *unused)
{
    pthread_mutex_lock(&lock);
    data = 1;
    return unused;
}

static void *repair(void *unused)
{
    int error = pthread_mutex_lock(&lock);
    printf("%d\n", error == EOWNERDEAD);
    data++;
    pthread_mutex_consistent(&lock);
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&lock, &attributes);
    pthread_create(&thread, NULL, die, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, repair, NULL);
    pthread_join(thread, NULL);
    pthread_mutex_lock(&lock);
    printf("%d\n", data);
    pthread_mutex_unlock(&lock);
    return pthread_mutex_destroy(&lock);
}
