/*
 * Threads cancelled in a wait, in a join, in a semaphore, asynchronously in a loop; keys are destroyed, handlers run.
 *
 * EXPECT: none
 * MODE: plain instrumented patched
 * BARE: yes
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

#include "../order.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t none;
static pthread_key_t key;
static int cleaned, destroyed;

static void clean(void *unused)
{
    (void)unused;
    cleaned++;
    pthread_mutex_unlock(&lock);
}

static void destroy(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    destroyed++;
    pthread_mutex_unlock(&lock);
}

static void *in_condition(void *unused)
{
    pthread_setspecific(key, &key);
    pthread_mutex_lock(&lock);
    pthread_cleanup_push(clean, NULL);
    order_block(1);
    for (;;)
        pthread_cond_wait(&never, &lock);
    pthread_cleanup_pop(0);
    return unused;
}

static void *in_semaphore(void *unused)
{
    pthread_setspecific(key, &key);
    order_block(2);
    sem_wait(&none);
    return unused;
}

static void *in_join(void *thread)
{
    pthread_setspecific(key, &key);
    order_block(3);
    pthread_join(*(pthread_t *)thread, NULL);
    return NULL;
}

static void *in_loop(void *unused)
{
    pthread_setspecific(key, &key);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    order_signal(4);
    for (;;)
        __asm__ volatile("");
    return unused;
}

int main(void)
{
    pthread_t threads[4];
    int canceled = 0;
    pthread_key_create(&key, destroy);
    sem_init(&none, 0, 0);
    pthread_create(&threads[0], NULL, in_condition, NULL);
    pthread_create(&threads[1], NULL, in_semaphore, NULL);
    pthread_create(&threads[3], NULL, in_loop, NULL);
    pthread_create(&threads[2], NULL, in_join, &threads[3]);
    order_blocked(1);
    order_blocked(2);
    order_blocked(3);
    order_wait(4);
    for (int i = 0; i < 3; i++) {
        void *result;
        pthread_cancel(threads[i]);
        pthread_join(threads[i], &result);
        canceled += result == PTHREAD_CANCELED;
    }
    void *result;
    pthread_cancel(threads[3]);
    pthread_join(threads[3], &result);
    canceled += result == PTHREAD_CANCELED;
    pthread_mutex_lock(&lock);
    printf("%d %d %d\n", canceled, cleaned, destroyed);
    pthread_mutex_unlock(&lock);
    return 0;
}
