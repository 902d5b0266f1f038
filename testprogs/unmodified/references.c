/*
 * The last one frees, but the count is a plain one.
 *
 * EXPECT: race @first @first count [proved]
 * EXPECT: race @use @free [proved]
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

struct object {
    int data[8];
};

static struct object *object;
static int count = 2;
int copy[2];

static void put_down(void)
{
    if (--count == 0) /* @first */
        free(object); /* @free */
}

static void *first(void *unused)
{
    copy[0] = object->data[2]; /* @use */
    put_down();
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    put_down();
    return unused;
}

int main(void)
{
    pthread_t a, b;
    object = calloc(1, sizeof(*object));
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
