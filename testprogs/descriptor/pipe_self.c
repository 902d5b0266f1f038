/*
 * Reads all there is in a pipe, and waits for more: the only writing end is its own.
 *
 * EXPECT: blocked @read pipe [proved]
 * EXPECT: exit hang
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
    while ((n = read(ends[0], bytes, sizeof bytes)) > 0) /* @read */
        sum += n;
    printf("%zd\n", sum);
    return 0;
}
