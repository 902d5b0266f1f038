/*
 * A struct is copied while another one is written.
 *
 * EXPECT: none
 * MODE: instrumented clang
 */
#include <pthread.h>

struct point {
    double x, y, z;
    int tag[10];
};
struct point here, there;

static void *first(void *unused)
{
    there = here;
    return unused;
}

static void *second(void *unused)
{
    static volatile struct point third;
    third.tag[4] = 5;
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
