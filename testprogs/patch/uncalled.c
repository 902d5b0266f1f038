/*
 * A race in functions that are copied when they are first called; what was never called is said (here never(), and _start, which ran before).
 *
 * EXPECT: race @main @thread value
 * SAYS: functions were never called
 * MODE: lazy
 * ONLY: it is about patching
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int value;

__attribute__((noinline)) void never(int *p)
{
    *p += 3;
}

static void *add(void *unused)
{
    value++; /* @thread */
    return unused;
}

int main(int count, char **arguments)
{
    pthread_t thread;
    pthread_create(&thread, NULL, add, NULL);
    value++; /* @main */
    pthread_join(thread, NULL);
    if (count > 5)
        never(&value);
    return arguments[0] == NULL;
}
