/*
 * A buffer is freed while another task may still read it.
 *
 * EXPECT: race @free @use [proved]
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <stdlib.h>

#include "../order.h"

static char *buffer;
char copy;

static void *first(void *unused)
{
    copy = buffer[5]; /* @use */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    free(buffer); /* @free */
    return unused;
}

int main(void)
{
    pthread_t a, b;
    buffer = calloc(1, 16);
    pthread_create(&a, NULL, first, NULL);
    pthread_create(&b, NULL, second, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    return 0;
}
