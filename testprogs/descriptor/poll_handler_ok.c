/*
 * A loop waits for pipes that a signal's handler writes to, another for such a pipe alone: nobody else is there, and they wait
 * for the signal, by design. An alarm ends the program.
 *
 * EXPECT: none
 * EXPECT: exit 142
 * MODE: plain
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

static int tube[2], other[2];

static void handler(int number)
{
    if (write(tube[1], &number, 1) + write(other[1], &number, 1) != 2)
        _exit(1);
}

static void *polls(void *unused)
{
    struct pollfd one = {other[0], POLLIN, 0};
    poll(&one, 1, -1);
    return unused;
}

int main(void)
{
    pthread_t thread;
    struct epoll_event one = {.events = EPOLLIN};
    int set = epoll_create1(0);
    pipe(tube);
    pipe(other);
    signal(SIGUSR1, handler);
    pthread_create(&thread, NULL, polls, NULL);
    epoll_ctl(set, EPOLL_CTL_ADD, tube[0], &one);
    epoll_ctl(set, EPOLL_CTL_ADD, other[0], &one);
    alarm(1);
    epoll_wait(set, &one, 1, -1);
    return 0;
}
