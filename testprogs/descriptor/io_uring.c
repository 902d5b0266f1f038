/*
 * io_uring is used: not observed, which is said and makes the statement incomplete.
 *
 * EXPECT: none
 * STATUS: 3
 * SAYS: io_uring was used and is not observed
 * MODE: plain instrumented
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    char parameters[120];
    memset(parameters, 0, sizeof parameters);
    long ring = syscall(SYS_io_uring_setup, 4, parameters);
    if (ring < 0) {
        puts("the kernel gives no io_uring");
        return 77;
    }
    close((int)ring);
    puts("done");
    return 0;
}
