/*
 * One thread clears what it kept under the number of a descriptor and closes it; then the other one is given the number.
 *
 * EXPECT: none
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
    kept[fd]--;
    close(fd);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    int fd = open("/dev/null", O_RDONLY);
    kept[fd]++;
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
