/*
 * A fork while another thread holds a lock: the child wants it, but has not got the thread that would unlock it.
 *
 * EXPECT: misuse @lock fork-held [proved]
 * MODE: plain
 */
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
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
    struct timespec past = {1, 0};
    pthread_create(&thread, NULL, work, NULL);
    order_wait(1);
    pid_t child = fork();
    if (!child)
        _exit(pthread_mutex_timedlock(&lock, &past) != ETIMEDOUT); /* @lock */
    waitpid(child, NULL, 0);
    order_signal(2);
    pthread_join(thread, NULL);
    return 0;
}
