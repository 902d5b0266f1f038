/*
 * Two threads fork again and again, at the same time, while a third one takes a lock on ever other call stacks: each child
 * must be able to take a lock on a call stack that nobody has seen yet.
 *
 * EXPECT: none
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS 60

static pthread_mutex_t mutexes[3] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER,
                                     PTHREAD_MUTEX_INITIALIZER};
static atomic_int at_work = 2;
static int fine[2];

static int __attribute__((noinline)) other_way(pthread_mutex_t *mutex, unsigned path, int depth);

/* One of 2^depth call stacks. */
static int __attribute__((noinline)) one_way(pthread_mutex_t *mutex, unsigned path, int depth)
{
    if (depth == 0) {
        pthread_mutex_lock(mutex);
        pthread_mutex_unlock(mutex);
        return 1;
    }
    return (path & 1 ? one_way : other_way)(mutex, path >> 1, depth - 1) + 1;
}

static int __attribute__((noinline)) other_way(pthread_mutex_t *mutex, unsigned path, int depth)
{
    if (depth == 0)
        return one_way(mutex, path, 0) + 1;
    return (path & 1 ? one_way : other_way)(mutex, path >> 1, depth - 1) + 1;
}

static void *forker(void *number)
{
    int me = *(int *)number;
    for (unsigned i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(one_way(&mutexes[me], i, 8) > 8 ? 5 : 0);
        int status;
        fine[me] += child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 5;
    }
    atomic_fetch_sub(&at_work, 1);
    return NULL;
}

static void *locker(void *unused)
{
    for (unsigned path = 0; atomic_load(&at_work); path++)
        one_way(&mutexes[2], path, 12);
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    int numbers[2] = {0, 1};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, forker, &numbers[i]);
    pthread_create(&threads[2], NULL, locker, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    printf("%d %d\n", fine[0], fine[1]);
    return 0;
}
