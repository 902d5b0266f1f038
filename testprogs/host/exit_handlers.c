/*
 * Handlers run in the order in which exit runs them, and what is in stdout's buffer comes out.
 *
 * EXPECT: none
 * EXPECT: exit 5
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void first(void)
{
    fputs("first;", stdout);
}

static void second(int status, void *argument)
{
    printf("second %d %s;", status, (const char *)argument);
}

static void *work(void *unused)
{
    printf("thread;");
    return unused;
}

__attribute__((destructor)) static void last(void)
{
    fputs("destructor\n", stdout);
}

int main(void)
{
    pthread_t thread;
    atexit(first);
    on_exit(second, "argument");
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    printf("main;");
    exit(5);
}
