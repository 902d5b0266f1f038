/*
 * A field is set after the thread that needs it was started.
 *
 * EXPECT: race @late @use [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>

struct worker {
    pthread_t thread;
    int id;
};
int seen;

static void *run(void *argument)
{
    struct worker *worker = argument;
    seen = worker->id; /* @use */
    return NULL;
}

int main(void)
{
    static struct worker worker;
    pthread_t thread;
    pthread_create(&thread, NULL, run, &worker);
    worker.id = 7; /* @late */
    pthread_join(thread, NULL);
    return 0;
}
