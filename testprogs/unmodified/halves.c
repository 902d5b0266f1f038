/*
 * Two halves are written at once and read one by one.
 *
 * EXPECT: race @store @low now.low [proved]
 * EXPECT: race @store @high now.high [proved]
 * MODE: patched instrumented clang
 */
#include <pthread.h>
#include <string.h>

struct halves {
    int low, high;
};

static struct halves now;
int low, high;

static void *first(void *unused)
{
    struct halves value = {1, 2};
    memcpy(&now, &value, sizeof(now)); /* @store */
    return unused;
}

static void *second(void *unused)
{
    low = now.low;   /* @low */
    high = now.high; /* @high */
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
