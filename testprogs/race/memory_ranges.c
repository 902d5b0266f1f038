/*
 * memcpy, memset and memcmp are accesses like any other.
 *
 * EXPECT: race @fill @copy [proved]
 * EXPECT: race @fill @compare [proved]
 * MODE: instrumented clang patched
 */
#include <pthread.h>
#include <string.h>

#include "../order.h"

char source[256], target[256];
int differ;
static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
size_t many = 50; /* known at run time only: a call, not inlined */

static void *first(void *unused)
{
    memset(source + 100, 1, many); /* @fill */
    order_signal(1);
    return unused;
}

static void *second(void *unused)
{
    order_wait(1);
    memcpy(target, source, many * 4); /* @copy */
    pthread_mutex_lock(&own); /* a release ends the segment: what follows is recorded anew */
    pthread_mutex_unlock(&own);
    differ = memcmp(target, source + 120, many * 2); /* @compare */
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
