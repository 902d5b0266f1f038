/*
 * Destructors of thread-specific data run after the thread's routine and before the join.
 *
 * EXPECT: none
 * MODE: plain instrumented clang patched
 */
#include <pthread.h>
#include <stdio.h>

static pthread_key_t first, second;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int destroyed, result;

static void destroy(void *value)
{
    pthread_mutex_lock(&lock);
    destroyed++;
    pthread_mutex_unlock(&lock);
    if (value == &first)
        pthread_setspecific(second, &second); /* a second round */
    else
        result = 42;
}

static void *work(void *unused)
{
    pthread_setspecific(first, &first);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_key_create(&first, destroy);
    pthread_key_create(&second, destroy);
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread, NULL, work, NULL);
        pthread_join(thread, NULL);
    }
    printf("%d %d\n", destroyed, result);
    return 0;
}
