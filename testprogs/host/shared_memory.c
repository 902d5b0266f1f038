/*
 * A mutex and a condition variable in memory that parent and child share.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int turn;
};

static void play(struct shared *shared, int me)
{
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&shared->lock);
        while (shared->turn % 2 != me)
            pthread_cond_wait(&shared->changed, &shared->lock);
        shared->turn++;
        pthread_cond_broadcast(&shared->changed);
        pthread_mutex_unlock(&shared->lock);
    }
}

static void *nothing(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    struct shared *shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&shared->lock, &mutex);
    pthread_condattr_init(&condition);
    pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&shared->changed, &condition);
    pthread_create(&thread, NULL, nothing, NULL);
    pthread_join(thread, NULL);
    pid_t child = fork();
    play(shared, child ? 0 : 1);
    if (!child)
        _exit(0);
    waitpid(child, NULL, 0);
    printf("%d\n", shared->turn);
    return 0;
}
