/*
 * What orders nothing: a read that finds nothing (EAGAIN); to be told that one's own end can
 * be written to.
 *
 * EXPECT: race @nothing @empty value[0]
 * EXPECT: race @room @roomy value[1]
 * MODE: instrumented patched
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "../order.h"

static int empty[2], roomy[2], value[2];

static void *first(void *unused)
{
    char byte;
    value[0]++; /* @nothing */
    read(empty[0], &byte, 1);
    order_signal(1);
    order_wait(2);
    struct pollfd request = {roomy[1], POLLOUT, 0};
    poll(&request, 1, -1);
    value[1]++; /* @room */
    order_signal(3);
    return unused;
}

static void *second(void *unused)
{
    char byte;
    order_wait(1);
    read(empty[0], &byte, 1);
    value[0]++; /* @empty */
    order_signal(2);
    order_wait(3);
    struct pollfd request = {roomy[1], POLLOUT, 0};
    poll(&request, 1, -1);
    value[1]++; /* @roomy */
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pipe2(empty, O_NONBLOCK);
    pipe(roomy);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("%d %d\n", value[0], value[1]);
    return 0;
}
