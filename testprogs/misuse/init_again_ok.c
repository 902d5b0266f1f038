/*
 * Locks on the stack and in the heap come to life again and again at the same address.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdlib.h>

__attribute__((noinline)) static int use_stack(void)
{
    pthread_mutex_t lock;
    pthread_mutex_init(&lock, NULL);
    pthread_mutex_lock(&lock);
    return pthread_mutex_unlock(&lock); /* a mutex needs no destroy on this system */
}

static int use_heap(void)
{
    pthread_mutex_t *lock = malloc(sizeof(*lock));
    pthread_mutex_init(lock, NULL);
    pthread_mutex_lock(lock);
    int error = pthread_mutex_unlock(lock);
    free(lock);
    return error;
}

int main(void)
{
    int bad = 0;
    for (int i = 0; i < 5; i++)
        bad += use_heap();
    bad += use_stack();
    return bad;
}
