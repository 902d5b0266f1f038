/*
 * What is printed to a pipe orders as what is written to it.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, va_list list);

enum { WAYS = 4 };
static int ends[2];
static struct {
    long first, second, third;
} places[WAYS];
long sum;

static void say(int way, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    if (way == 2)
        vdprintf(ends[1], format, list);
    else
        __vdprintf_chk(ends[1], 1, format, list);
    va_end(list);
}

static void *first(void *unused)
{
    for (int way = 0; way < WAYS; way++) {
        places[way].first = places[way].third = way + 1;
        if (way == 0)
            dprintf(ends[1], "%.0f", 1.0);
        else if (way == 1)
            __dprintf_chk(ends[1], 1, "%d", 1);
        else
            say(way, "%d", 1);
    }
    return unused;
}

static void *second(void *unused)
{
    char byte;
    for (int way = 0; way < WAYS && read(ends[0], &byte, 1) == 1; way++)
        sum += byte - '1' + places[way].first + places[way].third;
    return unused;
}

int main(void)
{
    pthread_t a, b;
    if (pipe(ends) != 0)
        return 1;
    pthread_create(&b, NULL, second, NULL);
    pthread_create(&a, NULL, first, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return sum != 20;
}
