/*
 * Double-checked initialisation without an atomic pointer.
 *
 * EXPECT: race @publish @look instance [proved]
 * EXPECT: race @fill @use [proved]
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

struct table {
    int size, used;
};

static struct table *instance;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
long sum;
static pthread_mutex_t sum_lock = PTHREAD_MUTEX_INITIALIZER;

static struct table *get(void)
{
    struct table *table = instance; /* @look */
    if (!table) {
        pthread_mutex_lock(&lock);
        table = instance;
        if (!table) {
            table = malloc(sizeof(*table));
            table->size = 7;  /* @fill */
            instance = table; /* @publish */
        }
        pthread_mutex_unlock(&lock);
    }
    return table;
}

static void *first(void *unused)
{
    get();
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    struct table *table = get();
    long size = table->size; /* @use */
    pthread_mutex_lock(&sum_lock);
    sum += size;
    pthread_mutex_unlock(&sum_lock);
    return unused;
}

int main(void)
{
    pthread_t a, b;
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
