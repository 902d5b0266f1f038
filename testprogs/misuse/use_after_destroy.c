/*
 * A semaphore is posted after it has been destroyed.
 *
 * EXPECT: misuse @post use-after-destroy [proved]
 * MODE: plain
 */
#include <pthread.h>
#include <semaphore.h>

int main(void)
{
    sem_t done;
    sem_init(&done, 0, 0);
    sem_destroy(&done);
    return sem_post(&done); /* @post */
}
