/*
 * Who waits for the lock of a file that another process has, or whose holder closes its descriptor before it ends.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../order.h"

static int files[4], go[2], ready[2];

static int range(int fd, int command)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, command, &all);
}

static void *closes(void *unused)
{
    flock(files[0], LOCK_EX);
    close(files[0]);
    return unused;
}

static void *locks(void *unused)
{
    flock(files[1], LOCK_EX);
    return unused;
}

static void *wants(void *unused)
{
    order_block(1);
    range(files[2], F_SETLKW);
    return unused;
}

static void *wants_too(void *unused)
{
    order_block(2);
    lockf(files[2], F_LOCK, 0);
    return unused;
}

static void *wants_whole(void *unused)
{
    order_block(3);
    flock(files[3], LOCK_EX);
    return unused;
}

int main(void)
{
    void *(*const works[])(void *) = {wants, wants_too, wants_whole};
    pthread_t thread;
    char path[64], byte;
    snprintf(path, sizeof path, "/tmp/gorocheck.gone_ok.%d", (int)getpid());
    for (int i = 0; i < 4; i++)
        files[i] = open(path, O_CREAT | O_RDWR, 0600);
    pthread_create(&thread, NULL, closes, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, locks, NULL);
    pthread_join(thread, NULL);
    flock(files[1], LOCK_UN);
    pipe(go);
    pipe(ready);
    pid_t child = fork();
    if (!child) {
        int fd = open(path, O_RDWR);
        range(fd, F_SETLK);
        flock(fd, LOCK_EX);
        write(ready[1], "x", 1);
        close(go[1]);
        read(go[0], &byte, 1); /* until the parent has gone */
        _exit(0);
    }
    read(ready[0], &byte, 1);
    unlink(path);
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, works[i], NULL);
        pthread_detach(thread);
    }
    for (int i = 0; i < 3; i++)
        order_blocked(i + 1);
    puts("done");
    return 0;
}
