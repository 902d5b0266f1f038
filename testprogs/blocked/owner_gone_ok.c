/*
 * The mutex is given back before the thread ends.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>

static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;

static void *owner(void *unused)
{
    pthread_mutex_lock(&state);
    pthread_mutex_unlock(&state);
    pthread_exit(unused);
}

static void *waiter(void *unused)
{
    pthread_mutex_lock(&state);
    pthread_mutex_unlock(&state);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, owner, NULL);
    pthread_join(a, NULL);
    pthread_create(&b, NULL, waiter, NULL);
    pthread_join(b, NULL);
    return 0;
}
