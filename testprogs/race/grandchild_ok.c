/*
 * Order through two creations and two joins.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

int value, before;

static void *grandchild(void *unused)
{
    before++;
    value = 1;
    return unused;
}

static void *child(void *unused)
{
    pthread_t thread;
    pthread_create(&thread, NULL, grandchild, NULL);
    pthread_join(thread, NULL);
    return unused;
}

int main(void)
{
    pthread_t thread;
    before = 1;
    value = 2;
    pthread_create(&thread, NULL, child, NULL);
    pthread_join(thread, NULL);
    return before + value < 3;
}
