/*
 * One thread clears what it kept under the number of a descriptor and closes it; then the other one is given the number.
 *
 * EXPECT: none
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
    kept[fd]--;
    close(fd);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    int fd = dup2(STDOUT_FILENO, NUMBER);
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
