/*
 * memcpy, memset and memcmp are accesses like any other.
 *
 * EXPECT: race @fill @copy [proved]
 * EXPECT: race @fill @compare [proved]
 * MODE: instrumented clang
 */
#include <pthread.h>
#include <string.h>

#include "../order.h"

char source[256], target[256];
int differ;

static void *first(void *unused)
{
    memset(source + 100, 1, 50); /* @fill */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    memcpy(target, source, sizeof(source));           /* @copy */
    differ = memcmp(target, source + 120, 100);       /* @compare */
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
