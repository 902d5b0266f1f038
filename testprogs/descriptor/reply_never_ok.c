/*
 * A worker thread that gives up on a request closes its end: who asked is told.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int pair[2];

static void *serve(void *unused)
{
    char request;
    read(pair[1], &request, 1);
    if (request == '?')
        write(pair[1], "!", 1);
    close(pair[1]);
    return unused;
}

int main(void)
{
    pthread_t server;
    char answer = 0;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pthread_create(&server, NULL, serve, NULL);
    write(pair[0], ";", 1);
    read(pair[0], &answer, 1);
    pthread_join(server, NULL);
    printf("%d\n", answer);
    return 0;
}
