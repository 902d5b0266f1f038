/*
 * The parent takes a lock that it shares with its child while the child begins: the child does not hold it.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void *nothing(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_mutexattr_t attributes;
    pthread_mutex_t *lock =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int begun[2];
    char byte = 0;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(lock, &attributes);
    pthread_mutex_lock(lock);
    pthread_mutex_unlock(lock);
    pthread_create(&thread, NULL, nothing, NULL);
    pthread_join(thread, NULL);
    if (pipe(begun))
        return 1;
    if (fork() == 0) {
        if (write(begun[1], &byte, 1) != 1)
            _exit(1);
        pthread_mutex_lock(lock);
        pthread_mutex_unlock(lock);
        _exit(0);
    }
    pthread_mutex_lock(lock);
    ssize_t got = read(begun[0], &byte, 1);
    pthread_mutex_unlock(lock);
    int status;
    wait(&status);
    printf("%zd %d\n", got, status);
    return 0;
}
