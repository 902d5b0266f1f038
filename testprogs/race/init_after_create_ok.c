/*
 * The field is set before the thread is started.
 *
 * EXPECT: none
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
    seen = worker->id;
    return NULL;
}

int main(void)
{
    static struct worker worker;
    pthread_t thread;
    worker.id = 7;
    pthread_create(&thread, NULL, run, &worker);
    pthread_join(thread, NULL);
    return 0;
}
