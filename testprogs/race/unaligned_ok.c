/*
 * The bytes right before and right behind an unaligned word.
 *
 * EXPECT: none
 * MODE: instrumented patched
 */
#include <pthread.h>

struct __attribute__((packed, aligned(64))) {
    char before[61];
    unsigned long word;
    char after;
} packed;

static void *first(void *unused)
{
    packed.word = 1;
    return unused;
}

static void *second(void *unused)
{
    packed.before[60] = 2;
    packed.after = 2;
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
