/*
 * Main has alpha before it makes the threads, and until it has had beta: whoever has had alpha in such a thread comes later.
 * The second is woken while main, under beta, waits for alpha on a condition (as tor starts its workers).
 *
 * EXPECT: none
 * MODE: plain
 */
#include <pthread.h>

static pthread_mutex_t alpha = PTHREAD_MUTEX_INITIALIZER, beta = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t started = PTHREAD_COND_INITIALIZER;
static int running;

static void *first(void *unused)
{
    pthread_mutex_lock(&alpha);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_lock(&beta);
    pthread_mutex_lock(&alpha);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&beta);
    return unused;
}

static void *second(void *unused)
{
    pthread_mutex_lock(&beta);
    running = 1;
    pthread_cond_signal(&started);
    pthread_mutex_unlock(&beta);
    pthread_mutex_lock(&alpha);
    pthread_mutex_lock(&beta);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_lock(&alpha);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&beta);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_mutex_lock(&alpha);
    pthread_create(&a, NULL, first, NULL);
    pthread_mutex_lock(&beta);
    pthread_mutex_unlock(&beta);
    pthread_mutex_unlock(&alpha);
    pthread_join(a, NULL);

    pthread_mutex_lock(&beta);
    pthread_mutex_lock(&alpha);
    pthread_create(&b, NULL, second, NULL);
    while (!running)
        pthread_cond_wait(&started, &beta);
    pthread_mutex_unlock(&alpha);
    pthread_mutex_unlock(&beta);
    pthread_join(b, NULL);
    return 0;
}
