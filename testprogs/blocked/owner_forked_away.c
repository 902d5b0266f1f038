/*
 * A mutex is held by another thread at fork: in the child nobody will ever unlock it.
 *
 * EXPECT: blocked @wait state [proved]
 * MODE: plain
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../order.h"

static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;

static void *owner(void *unused)
{
    pthread_mutex_lock(&state);
    order_signal(1);
    order_wait(2);
    pthread_mutex_unlock(&state);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, owner, NULL);
    order_wait(1);
    pid_t child = fork();
    if (!child) {
        pthread_mutex_lock(&state); /* @wait */
        return 1;
    }
    order_asleep(child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    order_signal(2);
    pthread_join(thread, NULL);
    return 0;
}
