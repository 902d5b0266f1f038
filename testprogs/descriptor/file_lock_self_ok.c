/*
 * The same lock through the descriptor that has it already, or one that is a duplicate of it, waits for nobody.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

int main(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/gorocheck.self_ok.%d", (int)getpid());
    int fd = open(path, O_CREAT | O_RDWR, 0600), copy = dup(fd);
    unlink(path);
    flock(fd, LOCK_EX);
    flock(copy, LOCK_EX);
    flock(copy, LOCK_SH);
    flock(fd, LOCK_UN);
    puts("done");
    return 0;
}
