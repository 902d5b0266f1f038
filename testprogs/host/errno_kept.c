/*
 * Calls that succeed leave errno alone, calls that fail set it as ever.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void *work(void *unused)
{
    return unused;
}

int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    sem_t semaphore;
    struct timespec past = {1, 0};
    int bad = 0;
    errno = EILSEQ;
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    bad += errno != EILSEQ;
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    free(malloc(100));
    sem_init(&semaphore, 0, 1);
    sem_wait(&semaphore);
    bad += errno != EILSEQ;
    bad += sem_trywait(&semaphore) != -1 || errno != EAGAIN;
    bad += sem_timedwait(&semaphore, &past) != -1 || errno != ETIMEDOUT;
    errno = 0;
    volatile size_t too_much = PTRDIFF_MAX;
    bad += malloc(too_much) != NULL || errno != ENOMEM;
    printf("%d\n", bad);
    return 0;
}
