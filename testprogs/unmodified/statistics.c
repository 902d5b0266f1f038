/*
 * Two threads count into one variable.
 *
 * EXPECT: race @first @second served [proved]
 * MODE: patched instrumented clang
 */
#include <pthread.h>

long served;

static void *first(void *unused)
{
    served += 3; /* @first */
    return unused;
}

static void *second(void *unused)
{
    served += 5; /* @second */
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
