/*
 * A struct is copied while one of its fields is written.
 *
 * EXPECT: race @copy @set [proved]
 * MODE: instrumented clang patched
 */
#include <pthread.h>

struct point {
    double x, y, z;
    int tag[10];
};
struct point here, there;

static void *first(void *unused)
{
    there = here; /* @copy */
    return unused;
}

static void *second(void *unused)
{
    here.tag[4] = 5; /* @set */
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
