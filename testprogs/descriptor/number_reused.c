/*
 * One thread closes a descriptor and then clears what it kept under its number; by then the other one was given the number.
 *
 * EXPECT: race @late @use
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "../order.h"

static volatile int kept[1024];

static void *first(void *unused)
{
    int fd = open("/dev/null", O_RDONLY);
    kept[fd]++;
    close(fd);
    kept[fd]--; /* @late */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    int fd = open("/dev/null", O_RDONLY);
    kept[fd]++; /* @use */
    close(fd);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
