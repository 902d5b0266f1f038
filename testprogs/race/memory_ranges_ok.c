/*
 * Ranges that touch without overlapping.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <string.h>

#include "../order.h"

char source[256], target[256];
int differ;
size_t many = 50; /* known at run time only: a call, not inlined */

static void *first(void *unused)
{
    memset(source + 100, 1, many);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    memcpy(target, source, many * 2);
    differ = memcmp(target, source + 150, many * 2);
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
