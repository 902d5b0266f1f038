/*
 * io_uring by a system call of the program's own, as liburing makes it: found among the descriptors at the end.
 *
 * EXPECT: none
 * STATUS: 3
 * SAYS: io_uring was used and is not observed
 * MODE: plain instrumented
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

int main(void)
{
    char parameters[120];
    long ring;
    memset(parameters, 0, sizeof parameters);
    __asm__ volatile("syscall"
                     : "=a"(ring)
                     : "a"(SYS_io_uring_setup), "D"(4), "S"(parameters)
                     : "rcx", "r11", "memory");
    if (ring < 0) {
        puts("the kernel gives no io_uring");
        return 77;
    }
    puts("done");
    return 0;
}
