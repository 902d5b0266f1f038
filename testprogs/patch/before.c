/*
 * Code that runs before the recorder's own constructor: what it does before its first intercepted call is before every
 * thread; that call brings the recorder to life, with the frames below it in the middle of functions that are patched.
 *
 * EXPECT: race @first @thread value
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=app
 */
#include <pthread.h>
#include <stdio.h>

static int value, before_all;
static pthread_t thread;

static void *add(void *unused)
{
    before_all++;
    value++; /* @thread */
    return unused;
}

__attribute__((noinline)) static int begin(int number)
{
    before_all = number;
    if (pthread_create(&thread, NULL, add, NULL))
        return 0;
    value++; /* @first */
    return number + 1;
}

static void first(void)
{
    if (begin(1) != 2)
        before_all = 100;
}
__attribute__((section(".preinit_array"), used)) static void (*before)(void) = first;

int main(void)
{
    pthread_join(thread, NULL);
    printf("%d %d\n", value, before_all);
    return 0;
}
