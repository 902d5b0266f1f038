/*
 * A thread that has locked a file ends without unlocking it or closing its descriptor: who opened the file for itself waits
 * for ever.
 *
 * EXPECT: blocked @lock file-lock [suspected]
 * MODE: plain instrumented
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "../order.h"

static int files[2];

static void *forgets(void *unused)
{
    flock(files[0], LOCK_EX);
    return unused;
}

static void *wants(void *unused)
{
    order_block(1);
    flock(files[1], LOCK_EX); /* @lock */
    return unused;
}

int main(void)
{
    pthread_t thread;
    char path[64];
    snprintf(path, sizeof path, "/tmp/gorocheck.gone.%d", (int)getpid());
    files[0] = open(path, O_CREAT | O_RDWR, 0600);
    files[1] = open(path, O_RDWR);
    unlink(path);
    pthread_create(&thread, NULL, forgets, NULL);
    pthread_join(thread, NULL);
    pthread_create(&thread, NULL, wants, NULL);
    pthread_detach(thread);
    order_blocked(1);
    puts("done");
    return 0;
}
