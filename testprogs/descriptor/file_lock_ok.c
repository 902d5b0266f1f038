/*
 * Locks on files that keep threads apart: each has opened the file for itself (flock, F_OFD_SETLK), or the close of a
 * descriptor unlocks.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static char path[64];
static int counts[4];

static int range(int fd, int type)
{
    struct flock all = {.l_type = (short)type, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLKW, &all);
}

static void *work(void *unused)
{
    int fd = open(path, O_RDWR);
    for (int i = 0; i < 100; i++) {
        flock(fd, LOCK_EX);
        counts[0]++;
        flock(fd, LOCK_UN);
        range(fd, F_WRLCK);
        counts[1]++;
        range(fd, F_UNLCK);
        int again = open(path, O_RDWR);
        flock(again, LOCK_EX);
        counts[2]++;
        close(again);
        again = open(path, O_RDWR);
        range(again, F_WRLCK);
        counts[3]++;
        close(again);
        while (flock(fd, LOCK_EX | LOCK_NB))
            ;
        counts[0]++;
        flock(fd, LOCK_UN);
    }
    close(fd);
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    snprintf(path, sizeof path, "/tmp/gorocheck.lock.%d", (int)getpid());
    close(open(path, O_CREAT | O_RDWR, 0600));
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    unlink(path);
    printf("%d %d %d %d\n", counts[0], counts[1], counts[2], counts[3]);
    return 0;
}
