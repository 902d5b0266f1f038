/*
 * Double-checked locking with acquire and release.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../order.h"

struct config {
    int port;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
_Atomic(struct config *) instance;
int ports[2];

static struct config *get(void)
{
    struct config *seen = atomic_load_explicit(&instance, memory_order_acquire);
    if (!seen) {
        pthread_mutex_lock(&lock);
        if (!atomic_load_explicit(&instance, memory_order_relaxed)) {
            struct config *made = malloc(sizeof(*made));
            made->port = 80;
            atomic_store_explicit(&instance, made, memory_order_release);
        }
        seen = atomic_load_explicit(&instance, memory_order_relaxed);
        pthread_mutex_unlock(&lock);
    }
    return seen;
}

static void *first(void *unused)
{
    ports[0] = get()->port;
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    ports[1] = get()->port;
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
