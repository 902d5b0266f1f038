/*
 * The last one frees: LOCKed counts order the free after all uses.
 *
 * EXPECT: none
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct object {
    atomic_int count;
    int data[8];
};

static struct object *object;
int copy[2];

static void put_down(void)
{
    if (atomic_fetch_sub(&object->count, 1) == 1)
        free(object);
}

static void *first(void *unused)
{
    copy[0] = object->data[2];
    put_down();
    return unused;
}

static void *second(void *unused)
{
    copy[1] = object->data[3];
    put_down();
    return unused;
}

int main(void)
{
    pthread_t a, b;
    object = calloc(1, sizeof(*object));
    atomic_init(&object->count, 2);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
