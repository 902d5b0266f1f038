/*
 * Ranges that touch without overlapping.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <pthread.h>
#include <string.h>

#include "../order.h"

char source[256], target[256];
int differ;

static void *first(void *unused)
{
    memset(source + 100, 1, 50);
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    memcpy(target, source, 100);
    differ = memcmp(target, source + 150, 100);
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
