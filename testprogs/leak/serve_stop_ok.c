/*
 * The server that fails stops the other one.
 *
 * EXPECT: none
 * EXPECT: exit 1
 * MODE: plain instrumented
 * BARE: yes
 */
#include <pthread.h>
#include <semaphore.h>

static sem_t stop;
static int failed;

static void *serve_api(void *unused)
{
    failed = 1;
    sem_post(&stop);
    return unused;
}

static void *serve_metrics(void *unused)
{
    while (sem_wait(&stop))
        ;
    return unused;
}

int main(void)
{
    pthread_t api, metrics;
    sem_init(&stop, 0, 0);
    pthread_create(&api, NULL, serve_api, NULL);
    pthread_create(&metrics, NULL, serve_metrics, NULL);
    pthread_join(api, NULL);
    pthread_join(metrics, NULL);
    return failed;
}
