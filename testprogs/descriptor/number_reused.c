/*
 * One thread closes a descriptor and then clears what it kept under its number; by then the other one was given the number.
 *
 * EXPECT: race @late @use
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <unistd.h>

#include "../order.h"

#define NUMBER 100 /* which number open() would give depends on who else has files open just now */

static volatile int kept[1024];

static void *first(void *unused)
{
    int fd = dup2(STDOUT_FILENO, NUMBER);
    kept[fd]++;
    close(fd);
    kept[fd]--; /* @late */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    int fd = dup2(STDOUT_FILENO, NUMBER);
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
