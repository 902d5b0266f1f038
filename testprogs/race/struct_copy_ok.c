/*
 * A struct is copied while one of its fields is read.
 *
 * EXPECT: none
 * MODE: instrumented clang patched
 */
#include <pthread.h>

struct point {
    double x, y, z;
    int tag[10];
};
struct point here, there;
int tag;

static void *first(void *unused)
{
    there = here;
    return unused;
}

static void *second(void *unused)
{
    tag = here.tag[4];
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
