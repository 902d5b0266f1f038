/*
 * A fork while another thread holds a lock: the child has the lock, but not the thread.
 *
 * EXPECT: misuse @fork fork-held [proved]
 * MODE: plain
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *unused)
{
    pthread_mutex_lock(&lock);
    order_signal(1);
    order_wait(2);
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    order_wait(1);
    pid_t child = fork(); /* @fork */
    if (!child)
        _exit(0);
    waitpid(child, NULL, 0);
    order_signal(2);
    pthread_join(thread, NULL);
    return 0;
}
