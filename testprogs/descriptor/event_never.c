/*
 * Two threads each wait for the other one's eventfd; main joins them.
 *
 * EXPECT: blocked @wait eventfd [proved]
 * EXPECT: blocked @join [proved]
 * EXPECT: exit hang
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
    eventfd_read(ready[1 - me], &count); /* @wait */
    eventfd_write(ready[me], 1);
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
        pthread_join(threads[i], NULL); /* @join */
    return 0;
}
