/*
 * quick_exit runs its own handlers only.
 *
 * EXPECT: none
 * EXPECT: exit 6
 * MODE: plain instrumented patched
 * SAYS: it ended by quick_exit(6)
 * BARE: yes
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void never(void)
{
    puts("never");
}

static void quick(void)
{
    ssize_t got = write(1, "quick\n", 6);
    (void)got;
}

int main(void)
{
    atexit(never);
    at_quick_exit(quick);
    quick_exit(6);
}
