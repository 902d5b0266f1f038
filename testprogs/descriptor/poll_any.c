/*
 * Threads that wait in poll, select and epoll for any of several pipes, socket pairs and events that nobody will write to,
 * while main waits for them: nothing can go on.
 *
 * EXPECT: exit hang
 * EXPECT: blocked @poll pipe [proved]
 * EXPECT: blocked @select pipe [proved]
 * EXPECT: blocked @epoll [proved]
 * EXPECT: blocked @join [proved]
 * MODE: plain
 */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static int tube[2], pair[2], event;

static void *polls(void *unused)
{
    struct pollfd list[] = {{tube[0], POLLIN, 0}, {pair[0], POLLIN | POLLPRI, 0}};
    poll(list, 2, -1); /* @poll */
    return unused;
}

static void *selects(void *unused)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(tube[0], &set);
    FD_SET(pair[0], &set);
    select((pair[0] > tube[0] ? pair[0] : tube[0]) + 1, &set, NULL, NULL, NULL); /* @select */
    return unused;
}

static void *epolls(void *unused)
{
    int set = epoll_create1(0), watched[] = {tube[0], pair[0], event};
    struct epoll_event one;
    for (int i = 0; i < 3; i++) {
        one = (struct epoll_event){.events = EPOLLIN, .data.fd = watched[i]};
        epoll_ctl(set, EPOLL_CTL_ADD, watched[i], &one);
    }
    epoll_wait(set, &one, 1, -1); /* @epoll */
    return unused;
}

int main(void)
{
    void *(*const waits[])(void *) = {polls, selects, epolls};
    pthread_t threads[3];
    pipe(tube);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    event = eventfd(0, 0);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, waits[i], NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL); /* @join */
    return 0;
}
