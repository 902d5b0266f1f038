/*
 * A semaphore hands the value over.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <semaphore.h>

int value;
int copy;
static sem_t ready;

static void *first(void *unused)
{
    value = 42;
    sem_post(&ready);
    return unused;
}

static void *second(void *unused)
{
    sem_wait(&ready);
    copy = value;
    return unused;
}

int main(void)
{
    pthread_t a, b;
    sem_init(&ready, 0, 0);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
