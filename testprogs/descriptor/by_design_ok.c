/*
 * Threads that wait for the outside world when main returns: connections, descriptors, signals, a terminal's worth of input.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../order.h"

static int wakeup[2];

static void *accepts(void *step)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int server = socket(AF_INET, SOCK_STREAM, 0);
    bind(server, (struct sockaddr *)&at, sizeof at);
    listen(server, 1);
    order_block(*(int *)step);
    accept(server, NULL, NULL);
    return NULL;
}

static void *epolls(void *step)
{
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, wakeup[0], &event);
    order_block(*(int *)step);
    epoll_wait(set, &event, 1, -1);
    return NULL;
}

static void *epolls_masked(void *step)
{
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, wakeup[0], &event);
    order_block(*(int *)step);
    epoll_pwait(set, &event, 1, -1, NULL);
    return NULL;
}

static void *epolls_timed(void *step)
{
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(0);
    epoll_ctl(set, EPOLL_CTL_ADD, wakeup[0], &event);
    order_block(*(int *)step);
    epoll_pwait2(set, &event, 1, NULL, NULL);
    return NULL;
}

/* One pipe that nobody has written to yet, while the program goes on. */
static void *polls_one(void *step)
{
    struct pollfd request = {wakeup[0], POLLIN, 0};
    order_block(*(int *)step);
    poll(&request, 1, -1);
    return NULL;
}

static void *polls(void *step)
{
    struct pollfd requests[] = {{wakeup[0], POLLIN, 0}, {0, 0, 0}};
    order_block(*(int *)step);
    poll(requests, 2, -1);
    return NULL;
}

static void *selects(void *step)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(wakeup[0], &set);
    order_block(*(int *)step);
    select(wakeup[0] + 1, &set, NULL, NULL, NULL);
    return NULL;
}

static void *takes_signals(void *step)
{
    struct signalfd_siginfo info;
    sigset_t set;
    sigemptyset(&set);
    int fd = signalfd(-1, &set, 0);
    order_block(*(int *)step);
    read(fd, &info, sizeof info);
    return NULL;
}

static void *takes_time(void *step)
{
    unsigned long long count;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    order_block(*(int *)step);
    read(fd, &count, sizeof count);
    return NULL;
}

int main(void)
{
    void *(*const works[])(void *) = {accepts,       epolls,        polls,
                                      selects,       takes_signals, takes_time,
                                      epolls_masked, epolls_timed,  polls_one};
    enum { COUNT = sizeof works / sizeof *works };
    static int steps[COUNT];
    pipe(wakeup);
    for (int i = 0; i < COUNT; i++) {
        pthread_t thread;
        steps[i] = i + 1;
        pthread_create(&thread, NULL, works[i], &steps[i]);
        pthread_detach(thread);
    }
    for (int i = 0; i < COUNT; i++)
        order_blocked(i + 1);
    puts("done");
    return 0;
}
