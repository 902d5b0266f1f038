/*
 * A program has functions of its own with the names of those that take the arguments of printf as a list. The C library's
 * printf does not call them, nor does it under the recorder.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 * CFLAGS: -fno-builtin
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OWN(name, ...)    \
    int name(__VA_ARGS__) \
    {                     \
        abort();          \
    }
OWN(vprintf, const char *format, va_list list)
OWN(vfprintf, FILE *stream, const char *format, va_list list)
OWN(vdprintf, int fd, const char *format, va_list list)

static void *print(void *unused)
{
    FILE *null = fopen("/dev/null", "w");
    int failed = printf("%s", "") < 0 || fprintf(null, "%d %g\n", 1, 2.5) != 6 ||
                 dprintf(fileno(null), "%d\n", 42) != 3;
    fclose(null);
    if (failed)
        abort();
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, print, NULL);
    pthread_join(thread, NULL);
    return 0;
}
