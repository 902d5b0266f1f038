/*
 * A structure is copied as a whole while another task reads a member.
 *
 * EXPECT: race @copy @read current.limit [proved]
 * MODE: patched instrumented clang
 */
#include <pthread.h>

struct configuration {
    char name[40];
    long limit;
};

static struct configuration current, next = {"next", 7};
long limit;

static void *first(void *unused)
{
    current = next; /* @copy */
    return unused;
}

static void *second(void *unused)
{
    limit = current.limit; /* @read */
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
