/*
 * Double-checked initialisation with an atomic pointer.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct table {
    int size, used;
};

static _Atomic(struct table *) instance;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct table *get(void)
{
    struct table *table = atomic_load_explicit(&instance, memory_order_acquire);
    if (!table) {
        pthread_mutex_lock(&lock);
        table = atomic_load_explicit(&instance, memory_order_relaxed);
        if (!table) {
            table = malloc(sizeof(*table));
            table->size = 7;
            atomic_store_explicit(&instance, table, memory_order_release);
        }
        pthread_mutex_unlock(&lock);
    }
    return table;
}

static void *first(void *unused)
{
    return get()->size == 7 ? unused : &lock;
}

static void *second(void *unused)
{
    return get()->size == 7 ? unused : &lock;
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
