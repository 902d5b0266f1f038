/*
 * As `unseen`, but what the second thread learns it learns after it has read, and what the first one tells it tells
 * before it has written: the process in between orders nothing, and it is proved.
 *
 * EXPECT: race @fill @read place[0] [proved]
 * MODE: patched instrumented
 * CFLAGS: -fno-builtin
 */
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../order.h"

static char place[256], copy[256];
static int there[2], back[2];

static void *first(void *unused)
{
    if (write(there[1], "x", 1) != 1)
        return unused;
    order_wait(1);
    memset(place, 1, sizeof place); /* @fill */
    return unused;
}

static void *second(void *unused)
{
    char byte;
    memcpy(copy, place, sizeof copy); /* @read */
    order_signal(1);
    return read(back[0], &byte, 1) == 1 ? unused : NULL;
}

int main(void)
{
    pthread_t a, b;
    char byte;
    if (pipe(there) != 0 || pipe(back) != 0)
        return 1;
    pid_t child = fork();
    if (child == 0)
        _exit(read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1 ? 0 : 1);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    waitpid(child, NULL, 0);
    return copy[3];
}
