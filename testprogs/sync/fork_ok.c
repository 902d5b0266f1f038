/*
 * Children made by fork, with a thread of their own and locks taken over by pthread_atfork.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int value;

static void prepare(void)
{
    pthread_mutex_lock(&lock);
}

static void release(void)
{
    pthread_mutex_unlock(&lock);
}

static void *work(void *unused)
{
    for (int i = 0; i < 100; i++) {
        pthread_mutex_lock(&lock);
        value++;
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

int main(void)
{
    pthread_t thread;
    int status = 0;
    pthread_atfork(prepare, release, release);
    pthread_create(&thread, NULL, work, NULL);
    pid_t child = fork();
    if (!child) {
        pthread_t second;
        pthread_create(&second, NULL, work, NULL);
        pthread_join(second, NULL);
        _exit(value >= 100 ? 3 : 4);
    }
    waitpid(child, &status, 0);
    pthread_join(thread, NULL);
    printf("%d %d\n", WEXITSTATUS(status), value);
    return 0;
}
