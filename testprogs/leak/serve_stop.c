/*
 * Two servers are to stop when one of them fails, but the failing one only reports: the other serves on and the group waits forever.
 *
 * EXPECT: blocked @serve stop
 * EXPECT: blocked @join
 * EXPECT: exit hang
 * TIMEOUT: 2
 * MODE: plain
 */
#include <pthread.h>
#include <semaphore.h>

static sem_t stop;
static int failed;

static void *serve_api(void *unused)
{
    failed = 1; /* the port is taken */
    return unused;
}

static void *serve_metrics(void *unused)
{
    while (sem_wait(&stop)) /* @serve */
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
    pthread_join(metrics, NULL); /* @join */
    return failed;
}
