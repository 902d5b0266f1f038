/*
 * Locks on files that do not keep threads apart: flock and F_OFD_SETLK by one descriptor, and those of the process (F_SETLK,
 * lockf), whoever opened the file.
 *
 * EXPECT: race @flock @flock counts[0]
 * EXPECT: race @range @range counts[1]
 * EXPECT: race @process @process counts[2]
 * EXPECT: race @lockf @lockf counts[3]
 * MODE: instrumented patched
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "../order.h"

static int shared, own[2], counts[4];

static int range(int fd, int command, int type)
{
    struct flock all = {.l_type = (short)type, .l_whence = SEEK_SET};
    return fcntl(fd, command, &all);
}

static void *work(void *number)
{
    int me = *(int *)number;
    if (me)
        order_wait(1);
    flock(shared, LOCK_EX);
    counts[0]++; /* @flock */
    flock(shared, LOCK_UN);
    range(shared, F_OFD_SETLKW, F_WRLCK);
    counts[1]++; /* @range */
    range(shared, F_OFD_SETLKW, F_UNLCK);
    range(own[me], F_SETLKW, F_WRLCK);
    counts[2]++; /* @process */
    range(own[me], F_SETLK, F_UNLCK);
    lockf(own[me], F_LOCK, 0);
    counts[3]++; /* @lockf */
    lockf(own[me], F_ULOCK, 0);
    order_signal(1);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    char path[64];
    snprintf(path, sizeof path, "/tmp/gorocheck.locks.%d", (int)getpid());
    shared = open(path, O_CREAT | O_RDWR, 0600);
    own[0] = open(path, O_RDWR);
    own[1] = open(path, O_RDWR);
    unlink(path);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d %d %d %d\n", counts[0], counts[1], counts[2], counts[3]);
    return 0;
}
