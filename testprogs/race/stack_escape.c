/*
 * A thread is handed the address of a local variable that its creator goes on to use.
 *
 * EXPECT: race @thread @creator [proved]
 * PATCHED: none
 * MODE: instrumented clang patched
 * ONLY: accesses to one's own stack by a frame's registers are not recorded in machine code
 */
#include <pthread.h>

static void *run(void *argument)
{
    *(int *)argument = 1; /* @thread */
    return NULL;
}

int main(void)
{
    pthread_t thread;
    int result = 0;
    pthread_create(&thread, NULL, run, &result);
    int seen = result; /* @creator */
    pthread_join(thread, NULL);
    return seen > 1;
}
