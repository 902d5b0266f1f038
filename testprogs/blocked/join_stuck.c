/*
 * Main joins a thread that waits for a signal nobody can give: the wait is the cause, the join the effect.
 *
 * EXPECT: blocked @wait changed
 * EXPECT: blocked @join
 * EXPECT: exit hang
 * TIMEOUT: 2
 * MODE: plain
 */
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ready;

static void *waiter(void *unused)
{
    pthread_mutex_lock(&lock);
    while (!ready)
        pthread_cond_wait(&changed, &lock); /* @wait */
    pthread_mutex_unlock(&lock);
    return unused;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, waiter, NULL);
    pthread_join(thread, NULL); /* @join */
    return 0;
}
