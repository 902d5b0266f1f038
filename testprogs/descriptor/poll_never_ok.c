/*
 * The writing end of what is waited for in poll and select is closed, or the wait has a time limit.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <poll.h>
#include <pthread.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static int tube[2], pair[2];

static void *polls(void *unused)
{
    struct pollfd request = {tube[0], POLLIN, 0};
    poll(&request, 1, 1);
    poll(&request, 1, -1);
    return unused;
}

static void *selects(void *unused)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    select(pair[0] + 1, &set, NULL, NULL, NULL);
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    pipe(tube);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pthread_create(&threads[0], NULL, polls, NULL);
    pthread_create(&threads[1], NULL, selects, NULL);
    close(tube[1]);
    shutdown(pair[1], SHUT_WR);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 0;
}
