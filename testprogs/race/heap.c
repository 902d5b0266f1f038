/*
 * Two threads write the same field of a heap block.
 *
 * EXPECT: race @one @two [proved]
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdlib.h>

struct job {
    int id, state;
};

static void *run(void *argument)
{
    struct job *job = argument;
    job->state = 1; /* @one */
    return NULL;
}

int main(void)
{
    pthread_t thread;
    struct job *job = calloc(1, sizeof(*job));
    pthread_create(&thread, NULL, run, job);
    job->state = 2; /* @two */
    pthread_join(thread, NULL);
    free(job);
    return 0;
}
