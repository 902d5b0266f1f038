/*
 * A reference count that releases, with an acquire fence before the free.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "../order.h"

struct object {
    atomic_int references;
    int value;
};
int seen[2];

static void put(struct object *object)
{
    if (atomic_fetch_sub_explicit(&object->references, 1, memory_order_release) == 1) {
        atomic_thread_fence(memory_order_acquire);
        free(object);
    }
}

static void *user(void *argument)
{
    struct object *object = argument;
    seen[0] = object->value;
    put(object);
    order_signal(1);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    struct object *object = calloc(1, sizeof(*object));
    atomic_store(&object->references, 2);
    pthread_create(&thread, NULL, user, object);
    order_wait(1);
    put(object);
    pthread_join(thread, NULL);
    return 0;
}
