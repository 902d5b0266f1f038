/*
 * A thread is handed the address of a local variable that its creator goes on to use.
 *
 * EXPECT: race @thread @creator [proved]
 * PATCHED: race @thread @creator [suspected]
 * MODE: instrumented clang patched
 * ONLY: nothing tells that these moves of a word without a name are not atomic: suspected in machine code
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
