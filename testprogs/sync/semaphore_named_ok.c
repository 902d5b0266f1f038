/*
 * A named semaphore hands a value over.
 *
 * EXPECT: none
 * MODE: instrumented plain patched
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

static sem_t *ready;
static int value;

static void *work(void *unused)
{
    value = 42;
    sem_post(ready);
    return unused;
}

int main(void)
{
    char name[64];
    pthread_t thread;
    snprintf(name, sizeof(name), "/gorocheck-test-%d", (int)getpid());
    ready = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    if (ready == SEM_FAILED)
        return 1;
    sem_unlink(name);
    pthread_create(&thread, NULL, work, NULL);
    sem_wait(ready);
    printf("%d\n", value);
    pthread_join(thread, NULL);
    return sem_close(ready);
}
