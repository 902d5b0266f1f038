/*
 * The last owner frees the object, but the reference count is relaxed: nothing orders the others' use before the free.
 *
 * EXPECT: race @use @free [proved]
 * EXPECT: race @count @free [proved]
 * PATCHED: none
 * MODE: instrumented patched
 * ONLY: stores and loads of all orders are the same instructions on x86-64: only the compiler knows that this one was relaxed
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
    if (atomic_fetch_sub_explicit(&object->references, 1, memory_order_relaxed) == 1) /* @count */
        free(object);                                                                 /* @free */
}

static void *user(void *argument)
{
    struct object *object = argument;
    seen[0] = object->value; /* @use */
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
