/*
 * Threads fork, the children make threads, exit in every way; nobody is lost.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int codes;

static void *child_work(void *unused)
{
    return unused;
}

static void *work(void *argument)
{
    int me = (int)(long)argument;
    for (int i = 0; i < 5; i++) {
        int status = 0;
        pid_t child = fork();
        if (!child) {
            pthread_t thread;
            pthread_create(&thread, NULL, child_work, NULL);
            pthread_join(thread, NULL);
            if (i % 2)
                _Exit(me + i);
            _exit(me + i);
        }
        waitpid(child, &status, 0);
        atomic_fetch_add(&codes, WEXITSTATUS(status));
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[3];
    for (long i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i * 10));
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", atomic_load(&codes));
    return 0;
}
