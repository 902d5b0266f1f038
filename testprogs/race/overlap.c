/*
 * A write of eight bytes meets a read of one byte in their middle.
 *
 * EXPECT: race @wide @narrow [proved]
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
    word.whole = 0x1122334455667788; /* @wide */
    return unused;
}

static void *second(void *unused)
{
    copy = word.bytes[5]; /* @narrow */
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
