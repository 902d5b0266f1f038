/*
 * Main waits for a semaphore that the ended worker has forgotten to post: the program hangs.
 *
 * EXPECT: blocked @wait ready
 * EXPECT: exit hang
 * TIMEOUT: 2
 * MODE: plain
 */
#include <pthread.h>
#include <semaphore.h>

static sem_t ready;
static int result;

static void *worker(void *unused)
{
    result = 1;
    return unused;
}

int main(void)
{
    pthread_t thread;
    sem_init(&ready, 0, 0);
    pthread_create(&thread, NULL, worker, NULL);
    pthread_join(thread, NULL);
    sem_wait(&ready); /* @wait */
    return result != 1;
}
