/*
 * Threads work under a lock while signals rain down whose handler posts a semaphore and counts.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t posted;
static atomic_int handled;
static long total;
static atomic_int stop;

static void handler(int number)
{
    int saved = errno;
    (void)number;
    sem_post(&posted);
    atomic_fetch_add(&handled, 1);
    errno = saved;
}

static void *work(void *unused)
{
    while (!atomic_load(&stop)) {
        pthread_mutex_lock(&lock);
        total++;
        char *block = malloc(100);
        memset(block, 1, 100);
        free(block);
        pthread_mutex_unlock(&lock);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[2];
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sem_init(&posted, 0, 0);
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 2000; i++) {
        pthread_kill(threads[i % 2], SIGUSR1);
        while (sem_wait(&posted))
            ;
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", atomic_load(&handled));
    return total == 0;
}
