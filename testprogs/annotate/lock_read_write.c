/*
 * Two threads write under a lock that both hold for reading only.
 *
 * EXPECT: race @write @write counter
 * ONLY: the lock inside is an exchange, which machine code shows as the order that it is; the ABI can leave it out
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/spin.h"

static struct own_lock lock;
static int counter;

static void *work(void *step)
{
    order_wait(*(int *)step);
    gorocheck_read_locking(&lock);
    own_wait(&lock);
    gorocheck_read_locked(&lock);
    counter++; /* @write */
    gorocheck_unlocking(&lock);
    own_give(&lock);
    order_signal(*(int *)step + 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int steps[2] = {1, 2};
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &steps[i]);
    order_signal(1);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", counter);
    return 0;
}
