/*
 * Waits for any of several descriptors that come to an end; one has a time limit. The same thread then waits for a pipe alone.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static int tube[2], pair[2], event, done[2];

static void *waits(void *unused)
{
    struct pollfd list[] = {{tube[0], POLLIN, 0}, {pair[0], POLLIN, 0}};
    struct epoll_event one = {.events = EPOLLIN};
    int set = epoll_create1(0);
    char byte;
    poll(list, 2, 1);
    poll(list, 2, -1);
    fd_set in;
    FD_ZERO(&in);
    FD_SET(event, &in);
    FD_SET(pair[0], &in);
    select((pair[0] > event ? pair[0] : event) + 1, &in, NULL, NULL, NULL);
    epoll_ctl(set, EPOLL_CTL_ADD, tube[0], &one);
    epoll_ctl(set, EPOLL_CTL_ADD, event, &one);
    epoll_wait(set, &one, 1, -1);
    close(set);
    if (read(done[0], &byte, 1) != 1)
        return NULL;
    return unused;
}

int main(void)
{
    pthread_t thread;
    pipe(tube);
    pipe(done);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    event = eventfd(0, 0);
    pthread_create(&thread, NULL, waits, NULL);
    usleep(5000); /* whoever is first, all ends */
    write(pair[1], "", 1);
    write(event, &(unsigned long){1}, 8);
    write(tube[1], "", 1);
    write(done[1], "", 1);
    pthread_join(thread, NULL);
    puts("done");
    return 0;
}
