/*
 * Opposite orders, but a semaphore puts the second after the first.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>
#include <semaphore.h>

static sem_t done;
static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;

static void *first(void *unused)
{
    pthread_mutex_lock(&alpha);
    pthread_mutex_lock(&beta);
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    sem_post(&done);
    return unused;
}

static void *second(void *unused)
{
    sem_wait(&done);
    pthread_mutex_lock(&beta);
    pthread_mutex_lock(&alpha);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&beta);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    sem_init(&done, 0, 0);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
