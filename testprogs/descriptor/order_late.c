/*
 * One thread writes to what it has already handed on through a pipe, a socket pair, a connection.
 *
 * EXPECT: race @pipe_late @pipe_use text[0]
 * EXPECT: race @pair_late @pair_use text[1]
 * EXPECT: race @connection_late @connection_use text[2]
 * MODE: instrumented patched
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../order.h"

static int tube[2], pair[2], connection[2];
static int text[3];

static void put(int fd)
{
    char byte = 'x';
    write(fd, &byte, 1);
}

static void take(int fd)
{
    char byte;
    read(fd, &byte, 1);
}

static void *first(void *unused)
{
    put(tube[1]);
    text[0]++; /* @pipe_late */
    order_signal(1);
    order_wait(2);
    put(pair[1]);
    text[1]++; /* @pair_late */
    order_signal(3);
    order_wait(4);
    put(connection[1]);
    text[2]++; /* @connection_late */
    order_signal(5);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    take(tube[0]);
    text[0]--; /* @pipe_use */
    order_signal(2);
    order_wait(3);
    take(pair[0]);
    text[1]--; /* @pair_use */
    order_signal(4);
    order_wait(5);
    take(connection[0]);
    text[2]--; /* @connection_use */
    return unused;
}

int main(void)
{
    pthread_t a, b;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    bind(server, (struct sockaddr *)&at, sizeof at);
    listen(server, 1);
    getsockname(server, (struct sockaddr *)&at, &size);
    connection[1] = socket(AF_INET, SOCK_STREAM, 0);
    connect(connection[1], (struct sockaddr *)&at, size);
    connection[0] = accept(server, NULL, NULL);
    pipe(tube);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d\n", text[0] + text[1] + text[2]);
    return 0;
}
