/*
 * A thread that is made before constructors run: its code must not change under it, so nothing is patched, which is said.
 *
 * EXPECT: none
 * SAYS: there were threads before the recorder was there
 * MODE: plain
 * ENV: GOROCHECK_OPTIONS=patch=app
 */
#include <pthread.h>
#include <stdio.h>

static int value;
static pthread_t thread;

static void *add(void *unused)
{
    value++;
    return unused;
}

static void first(void)
{
    if (pthread_create(&thread, NULL, add, NULL) == 0)
        pthread_join(thread, NULL);
}
__attribute__((section(".preinit_array"), used)) static void (*before)(void) = first;

int main(void)
{
    printf("%d\n", value);
    return 0;
}
