/*
 * A signal handler forks and waits while locks are being used.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t children;

static void handler(int number)
{
    int saved = errno, status = 0;
    (void)number;
    pid_t child = fork();
    if (!child)
        _exit(1);
    waitpid(child, &status, 0);
    children += WEXITSTATUS(status);
    errno = saved;
}

static void *nothing(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < 20; i++) {
        pthread_mutex_lock(&lock);
        raise(SIGUSR1);
        pthread_mutex_unlock(&lock);
    }
    pthread_create(&thread, NULL, nothing, NULL);
    pthread_join(thread, NULL);
    printf("%d\n", (int)children);
    return 0;
}
