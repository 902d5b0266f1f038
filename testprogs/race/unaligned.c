/*
 * An unaligned word straddles the boundary of two cache lines.
 *
 * EXPECT: race @wide @narrow [proved]
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
    packed.word = 1; /* @wide */
    return unused;
}

static void *second(void *unused)
{
    ((char *)&packed)[66] = 2; /* @narrow */
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
