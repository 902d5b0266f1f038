/*
 * epoll tells that something can be read, and what was done before that something was put in is before. Whether it was put
 * in before the descriptor was added to the set, or after; and nobody need read it for that.
 *
 * EXPECT: none
 * MODE: instrumented
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../order.h"

enum way { PIPE, EVENT, TIMER, SIGNAL, WAYS };

static int values[2 * WAYS], in[2 * WAYS], out[2 * WAYS];

static void make(int i)
{
    int ends[2];
    sigset_t set;
    switch (i % WAYS) {
    case PIPE:
        if (pipe(ends) != 0)
            _exit(1);
        in[i] = ends[0];
        out[i] = ends[1];
        break;
    case EVENT:
        in[i] = out[i] = eventfd(0, 0);
        break;
    case TIMER:
        in[i] = timerfd_create(CLOCK_MONOTONIC, 0);
        break;
    case SIGNAL:
        sigemptyset(&set);
        sigaddset(&set, SIGRTMIN + i);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        in[i] = signalfd(-1, &set, 0);
        break;
    default:
        _exit(1);
    }
}

static void put(int i)
{
    uint64_t one = 1;
    struct itimerspec at = {.it_value.tv_nsec = 1};
    values[i] = 1;
    if (i % WAYS == TIMER)
        timerfd_settime(in[i], 0, &at, NULL);
    else if (i % WAYS == SIGNAL)
        kill(getpid(), SIGRTMIN + i);
    else if (write(out[i], &one, sizeof one) != sizeof one)
        _exit(1);
}

static void *putter(void *unused)
{
    for (int i = 0; i < WAYS; i++)
        put(i);
    order_signal(1);
    for (int i = WAYS; i < 2 * WAYS; i++) {
        order_wait(2 + i);
        put(i);
    }
    return unused;
}

static void *getter(void *unused)
{
    order_wait(1);
    for (int i = 0; i < 2 * WAYS; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        int set = epoll_create1(0);
        epoll_ctl(set, EPOLL_CTL_ADD, in[i], &event);
        if (i >= WAYS)
            order_signal(2 + i);
        if (epoll_wait(set, &event, 1, -1) != 1)
            _exit(1);
        values[i]++;
        close(set);
    }
    return unused;
}

int main(void)
{
    pthread_t a, b;
    for (int i = 0; i < 2 * WAYS; i++)
        make(i);
    pthread_create(&a, NULL, putter, NULL);
    pthread_create(&b, NULL, getter, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
