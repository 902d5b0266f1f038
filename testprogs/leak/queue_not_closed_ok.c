/*
 * The queue is closed when all producers have ended.
 *
 * EXPECT: none
 * MODE: plain instrumented
 */
#include <pthread.h>

static struct {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    int items, closed;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};
static int taken;

static void *produce(void *unused)
{
    for (int i = 0; i < 5; i++) {
        pthread_mutex_lock(&queue.lock);
        queue.items++;
        pthread_cond_signal(&queue.not_empty);
        pthread_mutex_unlock(&queue.lock);
    }
    return unused;
}

static void *consume(void *unused)
{
    pthread_mutex_lock(&queue.lock);
    for (;;) {
        while (!queue.items && !queue.closed)
            pthread_cond_wait(&queue.not_empty, &queue.lock);
        if (!queue.items)
            break;
        queue.items--;
        taken++;
    }
    pthread_mutex_unlock(&queue.lock);
    return unused;
}

int main(void)
{
    pthread_t producers[2], consumer;
    pthread_create(&consumer, NULL, consume, NULL);
    for (int i = 0; i < 2; i++)
        pthread_create(&producers[i], NULL, produce, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(producers[i], NULL);
    pthread_mutex_lock(&queue.lock);
    queue.closed = 1;
    pthread_cond_broadcast(&queue.not_empty);
    pthread_mutex_unlock(&queue.lock);
    pthread_join(consumer, NULL);
    return 0;
}
