/*
 * Writes of one, two and four bytes that touch but do not overlap.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

union {
    long whole;
    char bytes[8];
} word;
int copy;

static void *first(void *unused)
{
    word.bytes[4] = 1;
    *(short *)(word.bytes + 6) = 2;
    *(int *)word.bytes = 3;
    return unused;
}

static void *second(void *unused)
{
    copy = word.bytes[5];
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
