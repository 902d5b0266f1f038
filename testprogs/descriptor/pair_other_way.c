/*
 * The two directions of a socket pair are two things: who writes to it is not after what came the other way unread.
 *
 * EXPECT: race @answer @ask value
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../order.h"

static int pair[2];
static volatile int value;

static void *first(void *unused)
{
    value++; /* @ask */
    write(pair[0], "x", 1);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    write(pair[1], "y", 1);
    value++; /* @answer */
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
