/*
 * As file_lock_duplicate, but each thread has opened the file for itself: then they exclude one another.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static int here, there, counter;

static void *work(void *unused)
{
    flock(there, LOCK_EX);
    counter++;
    flock(there, LOCK_UN);
    return unused;
}

int main(void)
{
    char path[64];
    pthread_t thread;
    snprintf(path, sizeof path, "/tmp/gorocheck.duplicate.%d", (int)getpid());
    here = open(path, O_CREAT | O_RDWR, 0600);
    there = open(path, O_RDWR);
    unlink(path);
    flock(here, LOCK_EX);
    flock(here, LOCK_UN);
    pthread_create(&thread, NULL, work, NULL);
    flock(here, LOCK_EX);
    counter++;
    flock(here, LOCK_UN);
    pthread_join(thread, NULL);
    printf("%d\n", counter > 0);
    return 0;
}
