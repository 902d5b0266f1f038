/*
 * ThreadSanitizer's annotations of a mutex: two threads write under it, held for reading; two such mutexes in both orders.
 *
 * EXPECT: race @write @write counter
 * EXPECT: deadlock @ab @ba [predicted]
 * ONLY: functions of ThreadSanitizer's runtime are called, which only such a build links
 */
#include <pthread.h>
#include <stdio.h>

#include "../order.h"
#include "../support/spin.h"

#define TSAN __attribute__((weak))
TSAN void __tsan_mutex_create(void *mutex, unsigned flags);
TSAN void __tsan_mutex_destroy(void *mutex, unsigned flags);
TSAN void __tsan_mutex_pre_lock(void *mutex, unsigned flags);
TSAN void __tsan_mutex_post_lock(void *mutex, unsigned flags, int recursion);
TSAN int __tsan_mutex_pre_unlock(void *mutex, unsigned flags);
TSAN void __tsan_mutex_post_unlock(void *mutex, unsigned flags);

#define READ 8u

static struct own_lock a, b;
static int counter, right;

#define TAKE(lock, flags) \
    (__tsan_mutex_pre_lock(lock, flags), own_wait(lock), __tsan_mutex_post_lock(lock, flags, 1))
#define GIVE(lock, flags) \
    (__tsan_mutex_pre_unlock(lock, flags), own_give(lock), __tsan_mutex_post_unlock(lock, flags))

static void *first(void *unused)
{
    TAKE(&a, 0);
    TAKE(&b, 0); /* @ab */
    right++;
    GIVE(&b, 0);
    GIVE(&a, 0);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    TAKE(&b, 0);
    TAKE(&a, 0); /* @ba */
    right++;
    GIVE(&a, 0);
    GIVE(&b, 0);
    order_signal(2);
    return unused;
}

static void *reader(void *step)
{
    order_wait(*(int *)step);
    TAKE(&a, READ);
    counter++; /* @write */
    GIVE(&a, READ);
    order_signal(*(int *)step + 1);
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    int steps[2] = {2, 3};
    __tsan_mutex_create(&a, 0);
    pthread_create(&threads[0], NULL, first, NULL);
    pthread_create(&threads[1], NULL, second, NULL);
    pthread_create(&threads[2], NULL, reader, &steps[0]);
    pthread_create(&threads[3], NULL, reader, &steps[1]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    __tsan_mutex_destroy(&a, 0);
    printf("%d %d\n", counter, right);
    return 0;
}
