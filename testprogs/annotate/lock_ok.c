/*
 * A lock of the program's own that is told of: exclusive, tried, shared.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <pthread.h>
#include <stdio.h>

#include "../support/spin.h"

static struct own_lock lock;
static int counter, sum[2];

static void *work(void *number)
{
    int me = *(int *)number;
    for (int i = 0; i < 50; i++) {
        if (i % 2) {
            gorocheck_locking(&lock);
            own_wait(&lock);
            gorocheck_locked(&lock);
        } else if (own_try(&lock)) {
            gorocheck_try_locked(&lock);
        } else {
            continue;
        }
        counter++;
        gorocheck_unlocking(&lock);
        own_give(&lock);
        gorocheck_read_locking(&lock);
        own_wait(&lock);
        gorocheck_read_locked(&lock);
        sum[me] += counter;
        gorocheck_unlocking(&lock);
        own_give(&lock);
    }
    if (own_try(&lock)) {
        gorocheck_try_read_locked(&lock);
        sum[me] += counter;
        gorocheck_unlocking(&lock);
        own_give(&lock);
    } else {
        gorocheck_lock_failed(&lock);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    gorocheck_lock_create(&lock);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    gorocheck_lock_destroy(&lock);
    printf("%d\n", counter > 0 && sum[0] + sum[1] > 0);
    return 0;
}
