/*
 * Loops that wait for what comes from outside, among what comes from within: a timer or a listening socket beside a pipe;
 * room to write; a set that gets a member of another sort while its task waits. An alarm ends the program.
 *
 * EXPECT: none
 * EXPECT: exit 142
 * MODE: plain
 */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../order.h"

static int tube[2], late;

static void add(int set, int fd, unsigned events)
{
    struct epoll_event one = {.events = events};
    epoll_ctl(set, EPOLL_CTL_ADD, fd, &one);
}

static void *with_timer(void *unused)
{
    struct pollfd list[] = {{tube[0], POLLIN, 0}, {timerfd_create(CLOCK_MONOTONIC, 0), POLLIN, 0}};
    poll(list, 2, -1);
    return unused;
}

static void *with_server(void *unused)
{
    int set = epoll_create1(0), server = socket(AF_INET, SOCK_STREAM, 0);
    struct epoll_event one;
    listen(server, 1);
    add(set, tube[0], EPOLLIN);
    add(set, server, EPOLLIN);
    epoll_wait(set, &one, 1, -1);
    return unused;
}

static void *with_late_timer(void *unused)
{
    struct epoll_event one;
    late = epoll_create1(0);
    add(late, tube[0], EPOLLIN);
    order_block(1);
    epoll_wait(late, &one, 1, -1);
    return unused;
}

int main(void)
{
    void *(*const waits[])(void *) = {with_timer, with_server, with_late_timer};
    pthread_t threads[3];
    pipe(tube);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, waits[i], NULL);
    order_blocked(1);
    add(late, timerfd_create(CLOCK_MONOTONIC, 0), EPOLLIN);
    alarm(1);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
