/*
 * A file that the task itself has locked, opened once more: flock does not know that it is the same task.
 *
 * EXPECT: exit hang
 * EXPECT: deadlock @again file-lock [suspected]
 * MODE: plain
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

static void update(const char *path)
{
    int fd = open(path, O_RDWR);
    flock(fd, LOCK_EX); /* @again */
    puts("never");
}

int main(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/gorocheck.self.%d", (int)getpid());
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    int twin = open(path, O_RDWR);
    unlink(path);
    flock(fd, LOCK_EX);
    snprintf(path, sizeof path, "/proc/self/fd/%d", twin);
    update(path);
    return 0;
}
