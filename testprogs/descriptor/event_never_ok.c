/*
 * Two threads each say that they are ready before they wait for the other one.
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int ready[2];

static void *work(void *number)
{
    int me = *(int *)number;
    eventfd_t count;
    eventfd_write(ready[me], 1);
    eventfd_read(ready[1 - me], &count);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    for (int i = 0; i < 2; i++)
        ready[i] = eventfd(0, 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
