/*
 * Closes its writing end before it reads all there is in a pipe.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    int ends[2];
    char bytes[16];
    ssize_t n, sum = 0;
    pipe(ends);
    write(ends[1], "hello", 5);
    close(ends[1]);
    while ((n = read(ends[0], bytes, sizeof bytes)) > 0)
        sum += n;
    printf("%zd\n", sum);
    return 0;
}
