/*
 * Threads that wait in poll and select for a pipe that nobody will write to, while main waits for them: nothing can go on.
 *
 * EXPECT: exit hang
 * EXPECT: blocked @poll pipe [proved]
 * EXPECT: blocked @select socket [proved]
 * EXPECT: blocked @ppoll pipe [proved]
 * EXPECT: blocked @poll_checked pipe [proved]
 * EXPECT: blocked @ppoll_checked pipe [proved]
 * EXPECT: blocked @pselect pipe [proved]
 * EXPECT: blocked @join [proved]
 * MODE: plain
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

int __poll_chk(struct pollfd *list, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *list, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t size);

static int tube[2], pair[2];

static void *polls(void *unused)
{
    struct pollfd request = {tube[0], POLLIN, 0};
    poll(&request, 1, -1); /* @poll */
    return unused;
}

static void *selects(void *unused)
{
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    select(pair[0] + 1, &set, NULL, NULL, NULL); /* @select */
    return unused;
}

static void *others(void *number)
{
    fd_set set;
    struct pollfd request = {tube[0], POLLIN, 0};
    FD_ZERO(&set);
    FD_SET(tube[0], &set);
    switch (*(int *)number) {
    case 0:
        ppoll(&request, 1, NULL, NULL); /* @ppoll */
        break;
    case 1:
        __poll_chk(&request, 1, -1, sizeof request); /* @poll_checked */
        break;
    case 2:
        __ppoll_chk(&request, 1, NULL, NULL, sizeof request); /* @ppoll_checked */
        break;
    default:
        pselect(tube[0] + 1, &set, NULL, NULL, NULL, NULL); /* @pselect */
        break;
    }
    return NULL;
}

int main(void)
{
    static int numbers[4] = {0, 1, 2, 3};
    pthread_t threads[2], other[4];
    pipe(tube);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pthread_create(&threads[0], NULL, polls, NULL);
    pthread_create(&threads[1], NULL, selects, NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&other[i], NULL, others, &numbers[i]);
    pthread_join(threads[0], NULL); /* @join */
    pthread_join(threads[1], NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(other[i], NULL);
    return 0;
}
