/*
 * Threads that wait in poll and select for a pipe that nobody will write to, while main waits for them: nothing can go on.
 *
 * EXPECT: exit hang
 * EXPECT: blocked @poll pipe [proved]
 * EXPECT: blocked @select socket [proved]
 * EXPECT: blocked @join [proved]
 * MODE: plain
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

int main(void)
{
    pthread_t threads[2];
    pipe(tube);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pthread_create(&threads[0], NULL, polls, NULL);
    pthread_create(&threads[1], NULL, selects, NULL);
    pthread_join(threads[0], NULL); /* @join */
    pthread_join(threads[1], NULL);
    return 0;
}
