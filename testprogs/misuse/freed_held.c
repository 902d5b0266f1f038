/*
 * The memory of a locked mutex is freed.
 *
 * EXPECT: misuse @free freed-held [proved]
 * MODE: plain
 */
#include <pthread.h>
#include <stdlib.h>

int main(void)
{
    pthread_mutex_t *lock = malloc(sizeof(*lock));
    pthread_mutex_init(lock, NULL);
    pthread_mutex_lock(lock);
    free(lock); /* @free */
    return 0;
}
