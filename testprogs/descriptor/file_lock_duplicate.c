/*
 * Two threads lock a file before they write, each by a descriptor of its own; but one is a duplicate of the other, and the
 * lock is the open file description's. So both have it at once, and it keeps nobody apart. (Where the kernel does not tell
 * which descriptors are of one description, gorocheck takes them for two: there the program does without the lock.)
 *
 * EXPECT: race @first @second [proved]
 * MODE: instrumented clang patched
 */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

static int here, there, counter, told;

static void lock(int fd, int operation)
{
    if (told)
        flock(fd, operation);
}

static void *work(void *unused)
{
    lock(there, LOCK_EX);
    counter++; /* @first */
    lock(there, LOCK_UN);
    return unused;
}

int main(void)
{
    char path[64];
    pthread_t thread;
    snprintf(path, sizeof path, "/tmp/gorocheck.duplicate.%d", (int)getpid());
    here = open(path, O_CREAT | O_RDWR, 0600);
    unlink(path);
    there = dup(here);
    told = syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, here, there) == 0;
    flock(here, LOCK_EX);
    flock(here, LOCK_UN);
    pthread_create(&thread, NULL, work, NULL);
    lock(here, LOCK_EX);
    counter++; /* @second */
    lock(here, LOCK_UN);
    pthread_join(thread, NULL);
    printf("%d\n", counter > 0);
    return 0;
}
