/*
 * A semaphore used as a lock, initialised with one.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <semaphore.h>

static sem_t lock;
int total;

static void *work(void *unused)
{
    sem_wait(&lock);
    total++;
    sem_post(&lock);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    sem_init(&lock, 0, 1);
    pthread_create(&a, NULL, work, NULL);
    pthread_create(&b, NULL, work, &lock);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    sem_destroy(&lock);
    return 0;
}
