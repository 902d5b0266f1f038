/*
 * Objects that two processes share: what the child does with them the parent does not see, and what the parent holds the
 * child does not. A barrier that the child came to, too, is destroyed; a mutex that the parent holds is waited for by the
 * child, and its memory unmapped there; and threads wait for what a child could still do when the program ends.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../order.h"

static struct shared {
    pthread_barrier_t meet;
    pthread_mutex_t mutex;
    pthread_rwlock_t readers;
    pthread_cond_t cond;
    sem_t posted, never;
} * shared;

static void make(void)
{
    pthread_barrierattr_t barrier;
    pthread_mutexattr_t mutex;
    pthread_rwlockattr_t readers;
    pthread_condattr_t cond;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrierattr_init(&barrier);
    pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->meet, &barrier, 2);
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared->mutex, &mutex);
    pthread_rwlockattr_init(&readers);
    pthread_rwlockattr_setpshared(&readers, PTHREAD_PROCESS_SHARED);
    pthread_rwlock_init(&shared->readers, &readers);
    pthread_condattr_init(&cond);
    pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&shared->cond, &cond);
    sem_init(&shared->posted, 1, 0);
    sem_init(&shared->never, 1, 0);
}

static void in_child(void)
{
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 1000000;
    soon.tv_sec += soon.tv_nsec / 1000000000;
    soon.tv_nsec %= 1000000000;
    if (!pthread_mutex_timedlock(&shared->mutex, &soon) ||
        !pthread_rwlock_timedwrlock(&shared->readers, &soon))
        puts("the parent's locks were free");
    pthread_barrier_wait(&shared->meet);
    sem_post(&shared->posted);
    munmap(shared, sizeof(*shared));
    exit(0);
}

static void *wait_for_post(void *unused)
{
    order_block(1);
    sem_wait(&shared->never);
    return unused;
}

static void *wait_for_signal(void *unused)
{
    pthread_mutex_lock(&shared->mutex);
    order_block(2);
    for (;;)
        pthread_cond_wait(&shared->cond, &shared->mutex);
    return unused;
}

static void *wait_for_others(void *unused)
{
    order_block(3);
    pthread_barrier_wait(&shared->meet);
    return unused;
}

static void wait_for_ever(void *(*routine)(void *), int step)
{
    pthread_t thread;
    pthread_create(&thread, NULL, routine, NULL);
    pthread_detach(thread);
    order_blocked(step);
}

int main(void)
{
    make();
    pthread_mutex_lock(&shared->mutex);
    pthread_rwlock_wrlock(&shared->readers);
    pid_t child = fork();
    if (child == 0)
        in_child();
    pthread_barrier_wait(&shared->meet);
    sem_wait(&shared->posted);
    waitpid(child, NULL, 0);
    pthread_rwlock_unlock(&shared->readers);
    pthread_mutex_unlock(&shared->mutex);
    pthread_barrier_destroy(&shared->meet);
    pthread_barrierattr_t barrier;
    pthread_barrierattr_init(&barrier);
    pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->meet, &barrier, 2);
    wait_for_ever(wait_for_post, 1);
    wait_for_ever(wait_for_signal, 2);
    wait_for_ever(wait_for_others, 3);
    return 0;
}
