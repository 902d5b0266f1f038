/*
 * Two threads close one number, the second one in vain. That does not hide what was done after the first close.
 *
 * EXPECT: race @late @use
 * MODE: instrumented patched
 */
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "../order.h"

static volatile int kept[1024];
static int shared;

static void *first(void *unused)
{
    kept[shared]++;
    close(shared);
    order_signal(1);
    order_wait(2);
    kept[shared]--; /* @late */
    order_signal(3);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    close(shared); /* EBADF */
    order_signal(2);
    return unused;
}

static void *third(void *unused)
{
    order_wait(3);
    int fd = open("/dev/null", O_RDONLY);
    kept[fd]++; /* @use */
    close(fd);
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    void *(*const works[])(void *) = {first, second, third};
    shared = open("/dev/null", O_RDONLY);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, works[i], NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
