/*
 * Who reads from a socket pair before it goes on is after what came from the other end.
 *
 * EXPECT: none
 */
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../order.h"

static int pair[2];
static volatile int value;

static void *first(void *unused)
{
    value++;
    write(pair[0], "x", 1);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    char byte;
    read(pair[1], &byte, 1);
    value++;
    return unused;
}

int main(void)
{
    pthread_t a, b;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
