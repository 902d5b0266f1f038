/*
 * A local variable of the creator, read after the join.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>

static void *run(void *argument)
{
    *(int *)argument = 1;
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int result = 0;
    pthread_create(&thread, NULL, run, &result);
    pthread_join(thread, NULL);
    int seen = result;
    return seen > 1;
}
