/*
 * Two threads write different fields of a heap block in one cache line.
 *
 * EXPECT: none
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
    job->state = 1;
    return NULL;
}

int main(void)
{
    pthread_t thread;
    struct job *job = calloc(1, sizeof(*job));
    pthread_create(&thread, NULL, run, job);
    job->id = 2;
    pthread_join(thread, NULL);
    free(job);
    return 0;
}
