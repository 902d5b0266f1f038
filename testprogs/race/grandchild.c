/*
 * Parent and grandchild: creation orders what was before it, not what comes after.
 *
 * EXPECT: race @parent @grandchild value [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

int value, before;

static void *grandchild(void *unused)
{
    before++;
    value = 1; /* @grandchild */
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
    pthread_create(&thread, NULL, child, NULL);
    value = 2; /* @parent */
    pthread_join(thread, NULL);
    return before + value < 3;
}
