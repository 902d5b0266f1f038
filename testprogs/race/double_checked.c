/*
 * Double-checked locking with a plain pointer.
 *
 * EXPECT: race @check @publish instance [proved]
 * EXPECT: race @use @init [proved]
 * MODE: instrumented patched
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

struct config {
    int port;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct config *instance;
int ports[2];

static struct config *get(void)
{
    struct config *seen = instance; /* @check */
    if (!seen) {
        pthread_mutex_lock(&lock);
        if (!instance) {
            struct config *made = malloc(sizeof(*made));
            made->port = 80; /* @init */
            instance = made; /* @publish */
        }
        seen = instance;
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
    ports[1] = get()->port; /* @use */
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
