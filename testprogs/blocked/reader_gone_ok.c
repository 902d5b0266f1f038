/*
 * The same with an unlock; the lock is then taken for writing, and by readers at the same time.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>
#include <stddef.h>

static pthread_rwlock_t state = PTHREAD_RWLOCK_INITIALIZER;

static void *reader(void *unused)
{
    for (int i = 0; i < 100; i++) {
        pthread_rwlock_rdlock(&state);
        pthread_rwlock_unlock(&state);
    }
    return unused;
}

int main(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, reader, NULL);
    for (int i = 0; i < 100; i++) {
        pthread_rwlock_wrlock(&state);
        pthread_rwlock_unlock(&state);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
